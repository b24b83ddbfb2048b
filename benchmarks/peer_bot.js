// Runs a checkout of Kore's Node BotKit (github.com/Koredotcom/BotKit) with one bot that passes every message through:
//
//     node peer_bot.js CHECKOUT SETTINGS
//
// SETTINGS is JSON: botId, clientId and secret. Nothing in the checkout is written: its configuration is changed in memory,
// where all of its modules find it. Prints the port as the last word of the line that the BotKit itself prints.
"use strict";

const path = require("path");

const checkout = path.resolve(process.argv[2]);
const { botId, clientId, secret } = JSON.parse(process.argv[3]);

const config = require(path.join(checkout, "config.json"));
config.server.port = 0;
config.credentials = { apikey: secret, appId: clientId };
config.jwt = { jwtAlgorithm: "HS256", "jwt-expiry": 60 };
config.redis.available = false;

const Application = require(path.join(checkout, "lib/app"));
const Server = require(path.join(checkout, "lib/server"));
const sdk = require(path.join(checkout, "lib/sdk"));

sdk.registerBot({
  botId,
  botName: "Bench",
  // The promise is returned, as in the checkout's own examples: the hook is answered when the platform has the message.
  on_user_message: (requestId, data, callback) => sdk.sendBotMessage(data, callback),
});
new Server(config, new Application(null, config)).start();
