"""What users are told, in the 15 languages of Kore's page. Data only."""

from __future__ import annotations

from botkit.handoff.translations.reference_lines import REFERENCE_LINES, REFERRED_TO

_TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "lookingForAgentMessage": "One moment, please. We are looking for an agent who can help you.",
        "agentJoinedMessage": "{agent} has joined the conversation.",
        "agentLeftMessage": "{agent} has left the conversation. Please stay, a colleague will be with you shortly.",
        "conversationClosedMessage": "Your conversation with the agent has ended. Thank you for contacting us.",
        "endChatFromUserInstruction": "To end the conversation with the agent at any time, send: {command}",
        "noAgentAvailableMessage": "Sorry, no agent is available at the moment. "
        "The virtual assistant is here for you again.",
        "handoffFailedMessage": "Sorry, our agents cannot be reached right now. "
        "The virtual assistant is here for you again.",
        "sessionExpiredMessage": "Your session with the agent has timed out. "
        "The virtual assistant is here for you again.",
        "messageNotDeliveredMessage": "This did not reach the agent:\n{message}",
        "queuePositionMessage": "Your position in the queue: {position}",
        "estimatedWaitMessage": "Estimated wait in minutes: {minutes}",
        "idleWarningMessage": "Are you still there? The conversation will end soon if you do not reply.",
        "idleClosedMessage": "The conversation with the agent has ended because there was no reply. "
        "The virtual assistant is here for you again.",
        "fileRequestedMessage": "{agent} is asking for a file. Please send it here.",
        "fileFailedMessage": "The file could not be delivered to the agent.",
        "fileNotDeliveredMessage": "Not delivered to the agent: {file} ({reason})",
    },
    "ko": {
        "lookingForAgentMessage": "연결 가능한 상담사를 찾고 있습니다. 잠시만 기다려 주세요.",
        "agentJoinedMessage": "{agent}님과 연결되었습니다.",
        "agentLeftMessage": "{agent}님이 상담에서 나갔습니다. "
        "다른 상담사가 곧 이어서 도와드릴 예정이니 잠시만 기다려 주세요.",
        "conversationClosedMessage": "상담사와의 대화가 끝났습니다. 문의해 주셔서 감사합니다.",
        "endChatFromUserInstruction": "상담을 끝내고 싶으시면 언제든지 다음과 같이 입력해 주세요: {command}",
        "noAgentAvailableMessage": "죄송합니다. 지금은 상담 가능한 상담사가 없습니다. 챗봇이 다시 도와드리겠습니다.",
        "handoffFailedMessage": "죄송합니다. 지금은 상담사와 연결할 수 없습니다. 챗봇이 다시 도와드리겠습니다.",
        "sessionExpiredMessage": "상담사와의 세션이 만료되었습니다. 챗봇이 다시 도와드리겠습니다.",
        "messageNotDeliveredMessage": "다음 내용은 상담사에게 전달되지 않았습니다:\n{message}",
        "queuePositionMessage": "현재 대기 순번: {position}",
        "estimatedWaitMessage": "예상 대기 시간(분): {minutes}",
        "idleWarningMessage": "아직 계신가요? 답장이 없으면 상담이 곧 종료됩니다.",
        "idleClosedMessage": "답장이 없어 상담이 종료되었습니다. 챗봇이 다시 도와드리겠습니다.",
        "fileRequestedMessage": "{agent}님이 파일을 요청했습니다. 여기에 파일을 보내 주세요.",
        "fileFailedMessage": "파일을 상담사에게 전달하지 못했습니다.",
        "fileNotDeliveredMessage": "상담사에게 전달하지 못한 파일: {file} ({reason})",
    },
    "es": {
        "lookingForAgentMessage": "Un momento, por favor. Estamos buscando un agente que pueda ayudarle.",
        "agentJoinedMessage": "{agent} se ha incorporado a la conversación.",
        "agentLeftMessage": "{agent} ha salido de la conversación. Por favor, permanezca en el chat: "
        "enseguida continuará con usted otra persona de nuestro equipo.",
        "conversationClosedMessage": "La conversación con el agente ha finalizado. "
        "Gracias por ponerse en contacto con nosotros.",
        "endChatFromUserInstruction": "Para finalizar la conversación con el agente en cualquier momento, "
        "envíe: {command}",
        "noAgentAvailableMessage": "Lo sentimos, en este momento no hay ningún agente disponible. "
        "El asistente virtual vuelve a estar a su disposición.",
        "handoffFailedMessage": "Lo sentimos, en este momento no es posible contactar con nuestros agentes. "
        "El asistente virtual vuelve a estar a su disposición.",
        "sessionExpiredMessage": "La sesión con el agente ha caducado. "
        "El asistente virtual vuelve a estar a su disposición.",
        "messageNotDeliveredMessage": "Lo siguiente no llegó al agente:\n{message}",
        "queuePositionMessage": "Su posición en la cola: {position}",
        "estimatedWaitMessage": "Tiempo de espera estimado en minutos: {minutes}",
        "idleWarningMessage": "¿Sigue ahí? La conversación finalizará en breve si no responde.",
        "idleClosedMessage": "La conversación con el agente ha finalizado por falta de respuesta. "
        "El asistente virtual vuelve a estar a su disposición.",
        "fileRequestedMessage": "{agent} le pide un archivo. Por favor, envíelo aquí.",
        "fileFailedMessage": "No se ha podido entregar el archivo al agente.",
        "fileNotDeliveredMessage": "No se ha entregado al agente: {file} ({reason})",
    },
    "fr": {
        "lookingForAgentMessage": "Un instant, s’il vous plaît. Nous cherchons un conseiller pour vous aider.",
        "agentJoinedMessage": "{agent} vient de rejoindre la conversation.",
        "agentLeftMessage": "{agent} a quitté la conversation. "
        "Merci de patienter, un autre conseiller va prendre le relais.",
        "conversationClosedMessage": "Votre conversation avec le conseiller est terminée. "
        "Merci de nous avoir contactés.",
        "endChatFromUserInstruction": "Pour mettre fin à tout moment à la conversation avec le conseiller, "
        "envoyez\u00a0: {command}",
        "noAgentAvailableMessage": "Nous sommes désolés, aucun conseiller n’est disponible pour le moment. "
        "L’assistant virtuel est de nouveau à votre écoute.",
        "handoffFailedMessage": "Nous sommes désolés, nos conseillers sont injoignables pour le moment. "
        "L’assistant virtuel est de nouveau à votre écoute.",
        "sessionExpiredMessage": "Votre session avec le conseiller a expiré. "
        "L’assistant virtuel est de nouveau à votre écoute.",
        "messageNotDeliveredMessage": "Ceci n’a pas été transmis au conseiller\u00a0:\n{message}",
        "queuePositionMessage": "Votre position dans la file d’attente : {position}",
        "estimatedWaitMessage": "Temps d’attente estimé en minutes\u00a0: {minutes}",
        "idleWarningMessage": "Êtes-vous toujours là ? Sans réponse de votre part, la conversation va bientôt prendre fin.",
        "idleClosedMessage": "La conversation avec le conseiller a pris fin, faute de réponse. "
        "L’assistant virtuel est de nouveau à votre disposition.",
        "fileRequestedMessage": "{agent} vous demande un fichier. Merci de l’envoyer ici.",
        "fileFailedMessage": "Le fichier n’a pas pu être remis au conseiller.",
        "fileNotDeliveredMessage": "Non remis au conseiller : {file} ({reason})",
    },
    "de": {
        "lookingForAgentMessage": "Einen Moment bitte, wir suchen jemanden aus unserem Team für Sie.",
        "agentJoinedMessage": "{agent} ist dem Chat beigetreten.",
        "agentLeftMessage": "{agent} hat den Chat verlassen. "
        "Bitte bleiben Sie dran, gleich ist jemand anderes für Sie da.",
        "conversationClosedMessage": "Ihr Gespräch mit unserem Team ist beendet. Vielen Dank für Ihre Anfrage.",
        "endChatFromUserInstruction": "Sie können das Gespräch mit unserem Team jederzeit beenden. "
        "Senden Sie dazu: {command}",
        "noAgentAvailableMessage": "Leider ist im Moment niemand aus unserem Team frei. "
        "Der virtuelle Assistent ist wieder für Sie da.",
        "handoffFailedMessage": "Leider ist unser Team gerade nicht erreichbar. "
        "Der virtuelle Assistent ist wieder für Sie da.",
        "sessionExpiredMessage": "Ihre Sitzung mit unserem Team ist abgelaufen. "
        "Der virtuelle Assistent ist wieder für Sie da.",
        "messageNotDeliveredMessage": "Folgendes hat unser Team nicht erreicht:\n{message}",
        "queuePositionMessage": "Ihr Platz in der Warteschlange: {position}",
        "estimatedWaitMessage": "Voraussichtliche Wartezeit in Minuten: {minutes}",
        "idleWarningMessage": "Sind Sie noch da? Ohne Antwort endet die Unterhaltung in Kürze.",
        "idleClosedMessage": "Die Unterhaltung wurde beendet, weil keine Antwort kam. "
        "Der virtuelle Assistent ist wieder für Sie da.",
        "fileRequestedMessage": "{agent} bittet Sie um eine Datei. Bitte senden Sie sie hier.",
        "fileFailedMessage": "Die Datei konnte nicht an unser Team übermittelt werden.",
        "fileNotDeliveredMessage": "Nicht an unser Team übermittelt: {file} ({reason})",
    },
    "ja": {
        "lookingForAgentMessage": "ただいま担当者におつなぎしています。少々お待ちください。",
        "agentJoinedMessage": "{agent}がチャットに加わりました。",
        "agentLeftMessage": "{agent}がチャットから退出しました。"
        "別の担当者がまもなく対応いたしますので、そのままお待ちください。",
        "conversationClosedMessage": "担当者とのチャットは終了しました。お問い合わせありがとうございました。",
        "endChatFromUserInstruction": "担当者とのチャットはいつでも終了できます。"
        "終了するには次のように送信してください：{command}",
        "noAgentAvailableMessage": "申し訳ございません。ただいま対応できる担当者がおりません。"
        "ここからはバーチャルアシスタントがご案内いたします。",
        "handoffFailedMessage": "申し訳ございません。現在、担当者におつなぎできません。"
        "ここからはバーチャルアシスタントがご案内いたします。",
        "sessionExpiredMessage": "担当者とのセッションの有効期限が切れました。"
        "ここからはバーチャルアシスタントがご案内いたします。",
        "messageNotDeliveredMessage": "次の内容は担当者に届きませんでした：\n{message}",
        "queuePositionMessage": "現在の待ち順位: {position}",
        "estimatedWaitMessage": "予想待ち時間（分）: {minutes}",
        "idleWarningMessage": "まだいらっしゃいますか?お返事がない場合、会話はまもなく終了します。",
        "idleClosedMessage": "お返事がなかったため、担当者との会話を終了しました。引き続きバーチャルアシスタントがご案内します。",
        "fileRequestedMessage": "{agent}がファイルの送付をお願いしています。こちらにお送りください。",
        "fileFailedMessage": "ファイルを担当者に届けることができませんでした。",
        "fileNotDeliveredMessage": "担当者に届かなかったファイル：{file}（{reason}）",
    },
    "pl": {
        "lookingForAgentMessage": "Prosimy o chwilę cierpliwości. Szukamy konsultanta, który będzie mógł pomóc.",
        "agentJoinedMessage": "Do rozmowy dołącza {agent}.",
        "agentLeftMessage": "Rozmowę opuszcza {agent}. "
        "Prosimy pozostać na czacie, za chwilę pomoże ktoś inny z naszego zespołu.",
        "conversationClosedMessage": "Rozmowa z konsultantem została zakończona. Dziękujemy za kontakt.",
        "endChatFromUserInstruction": "Aby w dowolnej chwili zakończyć rozmowę z konsultantem, "
        "proszę wysłać: {command}",
        "noAgentAvailableMessage": "Przepraszamy, w tej chwili żaden konsultant nie jest dostępny. "
        "Rozmowę ponownie prowadzi wirtualny asystent.",
        "handoffFailedMessage": "Przepraszamy, w tej chwili połączenie z konsultantem nie jest możliwe. "
        "Rozmowę ponownie prowadzi wirtualny asystent.",
        "sessionExpiredMessage": "Sesja z konsultantem wygasła. Rozmowę ponownie prowadzi wirtualny asystent.",
        "messageNotDeliveredMessage": "To nie dotarło do konsultanta:\n{message}",
        "queuePositionMessage": "Miejsce w kolejce: {position}",
        "estimatedWaitMessage": "Szacowany czas oczekiwania w minutach: {minutes}",
        "idleWarningMessage": "Czy nadal tu jesteś? Bez odpowiedzi rozmowa wkrótce się zakończy.",
        "idleClosedMessage": "Rozmowa z konsultantem została zakończona z powodu braku odpowiedzi. "
        "Wirtualny asystent znów jest do Twojej dyspozycji.",
        "fileRequestedMessage": "{agent} prosi o plik. Prosimy przesłać go tutaj.",
        "fileFailedMessage": "Nie udało się dostarczyć pliku konsultantowi.",
        "fileNotDeliveredMessage": "Nie dostarczono konsultantowi: {file} ({reason})",
    },
    "ar": {
        "lookingForAgentMessage": "لحظة من فضلك، نبحث لك عن موظف يمكنه مساعدتك.",
        "agentJoinedMessage": "{agent} معك الآن في المحادثة.",
        "agentLeftMessage": "انتهت مشاركة {agent} في المحادثة. يُرجى الانتظار، سيتابع معك زميل آخر بعد قليل.",
        "conversationClosedMessage": "انتهت محادثتك مع الموظف. شكرًا لتواصلك معنا.",
        "endChatFromUserInstruction": "يمكنك إنهاء المحادثة مع الموظف في أي وقت بإرسال: {command}",
        "noAgentAvailableMessage": "عذرًا، لا يوجد موظف متاح حاليًا. عاد المساعد الافتراضي إلى خدمتك.",
        "handoffFailedMessage": "عذرًا، يتعذّر الوصول إلى موظفينا حاليًا. عاد المساعد الافتراضي إلى خدمتك.",
        "sessionExpiredMessage": "انتهت صلاحية جلستك مع الموظف. عاد المساعد الافتراضي إلى خدمتك.",
        "messageNotDeliveredMessage": "لم يصل ما يلي إلى الموظف:\n{message}",
        "queuePositionMessage": "ترتيبك في قائمة الانتظار: {position}",
        "estimatedWaitMessage": "مدة الانتظار المتوقعة بالدقائق: {minutes}",
        "idleWarningMessage": "هل ما زلت هنا؟ ستنتهي المحادثة قريبًا إذا لم يصلنا رد منك.",
        "idleClosedMessage": "انتهت المحادثة مع ممثل الخدمة لعدم تلقي رد. "
        "المساعد الافتراضي في خدمتك من جديد.",
        "fileRequestedMessage": "طلب ملف من {agent}. يُرجى إرساله هنا.",
        "fileFailedMessage": "تعذّر تسليم الملف إلى ممثل الخدمة.",
        "fileNotDeliveredMessage": "لم يصل إلى ممثل الخدمة: {file} ({reason})",
    },
    "tr": {
        "lookingForAgentMessage": "Bir dakika lütfen, size yardımcı olacak bir müşteri temsilcisi arıyoruz.",
        "agentJoinedMessage": "{agent} görüşmeye katıldı.",
        "agentLeftMessage": "{agent} görüşmeden ayrıldı. "
        "Lütfen bekleyin, başka bir temsilcimiz kısa süre içinde sizinle ilgilenecek.",
        "conversationClosedMessage": "Temsilciyle görüşmeniz sona erdi. "
        "Bizimle iletişime geçtiğiniz için teşekkür ederiz.",
        "endChatFromUserInstruction": "Temsilciyle görüşmeyi dilediğiniz zaman sonlandırmak için "
        "şunu gönderin: {command}",
        "noAgentAvailableMessage": "Üzgünüz, şu anda müsait bir temsilcimiz yok. Sanal asistan yeniden hizmetinizde.",
        "handoffFailedMessage": "Üzgünüz, şu anda temsilcilerimize ulaşılamıyor. Sanal asistan yeniden hizmetinizde.",
        "sessionExpiredMessage": "Temsilciyle oturumunuzun süresi doldu. Sanal asistan yeniden hizmetinizde.",
        "messageNotDeliveredMessage": "Şu yazdıklarınız temsilciye ulaşmadı:\n{message}",
        "queuePositionMessage": "Kuyruktaki sıranız: {position}",
        "estimatedWaitMessage": "Tahmini bekleme süresi (dakika): {minutes}",
        "idleWarningMessage": "Hâlâ orada mısınız? Yanıt vermezseniz görüşme birazdan sona erecek.",
        "idleClosedMessage": "Yanıt gelmediği için temsilciyle görüşme sona erdi. "
        "Sanal asistan yeniden hizmetinizde.",
        "fileRequestedMessage": "{agent} sizden bir dosya istiyor. Lütfen buraya gönderin.",
        "fileFailedMessage": "Dosya temsilciye iletilemedi.",
        "fileNotDeliveredMessage": "Temsilciye iletilemedi: {file} ({reason})",
    },
    "it": {
        "lookingForAgentMessage": "Un momento, per cortesia: stiamo cercando un operatore che possa aiutarLa.",
        "agentJoinedMessage": "Ora è in contatto con {agent}.",
        "agentLeftMessage": "{agent} ha lasciato la conversazione. "
        "Resti in linea, per cortesia: a breve sarà in contatto con un altro operatore.",
        "conversationClosedMessage": "La conversazione con l’operatore è conclusa. Grazie per averci contattato.",
        "endChatFromUserInstruction": "Per concludere in qualsiasi momento la conversazione con l’operatore, "
        "invii: {command}",
        "noAgentAvailableMessage": "Siamo spiacenti, al momento nessun operatore è disponibile. "
        "L’assistente virtuale è di nuovo a Sua disposizione.",
        "handoffFailedMessage": "Siamo spiacenti, al momento non è possibile raggiungere i nostri operatori. "
        "L’assistente virtuale è di nuovo a Sua disposizione.",
        "sessionExpiredMessage": "La sessione con l’operatore è scaduta. "
        "L’assistente virtuale è di nuovo a Sua disposizione.",
        "messageNotDeliveredMessage": "Quanto segue non è arrivato all’operatore:\n{message}",
        "queuePositionMessage": "La sua posizione in coda: {position}",
        "estimatedWaitMessage": "Attesa stimata in minuti: {minutes}",
        "idleWarningMessage": "È ancora lì? Senza una risposta la conversazione terminerà a breve.",
        "idleClosedMessage": "La conversazione con l’operatore è terminata per mancanza di risposta. "
        "L’assistente virtuale è di nuovo a sua disposizione.",
        "fileRequestedMessage": "{agent} le chiede un file. Lo invii qui, per favore.",
        "fileFailedMessage": "Non è stato possibile consegnare il file all’operatore.",
        "fileNotDeliveredMessage": "Non consegnato all’operatore: {file} ({reason})",
    },
    "pt": {
        "lookingForAgentMessage": "Um momento, por favor. Procuramos um agente para continuar o atendimento.",
        "agentJoinedMessage": "{agent} já está na conversa.",
        "agentLeftMessage": "{agent} saiu da conversa. "
        "Aguarde, por favor: outro agente continuará o atendimento em instantes.",
        "conversationClosedMessage": "A conversa com o agente foi encerrada. Agradecemos a sua mensagem.",
        "endChatFromUserInstruction": "Para encerrar a conversa com o agente a qualquer momento, envie: {command}",
        "noAgentAvailableMessage": "Lamentamos, mas não há agentes disponíveis neste momento. "
        "O assistente virtual volta a estar à sua disposição.",
        "handoffFailedMessage": "Lamentamos, mas não é possível falar com os nossos agentes neste momento. "
        "O assistente virtual volta a estar à sua disposição.",
        "sessionExpiredMessage": "A sua sessão com o agente expirou. "
        "O assistente virtual volta a estar à sua disposição.",
        "messageNotDeliveredMessage": "O texto seguinte não chegou ao agente:\n{message}",
        "queuePositionMessage": "A sua posição na fila: {position}",
        "estimatedWaitMessage": "Tempo de espera estimado em minutos: {minutes}",
        "idleWarningMessage": "Ainda está aí? Sem resposta, a conversa terminará em breve.",
        "idleClosedMessage": "A conversa com o agente terminou por falta de resposta. "
        "O assistente virtual está novamente à sua disposição.",
        "fileRequestedMessage": "{agent} pede um ficheiro (arquivo). Por favor, envie aqui.",
        "fileFailedMessage": "Não foi possível entregar o ficheiro (arquivo) ao agente.",
        "fileNotDeliveredMessage": "Não foi entregue ao agente: {file} ({reason})",
    },
    "zh_cn": {
        "lookingForAgentMessage": "请稍候，正在为您联系人工客服。",
        "agentJoinedMessage": "{agent}已接入，将为您服务。",
        "agentLeftMessage": "{agent}已离开对话。请稍候，另一位客服人员很快会继续为您服务。",
        "conversationClosedMessage": "您与客服人员的对话已结束，感谢您的咨询。",
        "endChatFromUserInstruction": "您可以随时结束与客服人员的对话，请发送：{command}",
        "noAgentAvailableMessage": "抱歉，目前没有空闲的客服人员。接下来由智能助手继续为您服务。",
        "handoffFailedMessage": "抱歉，目前无法联系到客服人员。接下来由智能助手继续为您服务。",
        "sessionExpiredMessage": "您与客服人员的会话已超时。接下来由智能助手继续为您服务。",
        "messageNotDeliveredMessage": "以下内容未能送达客服人员：\n{message}",
        "queuePositionMessage": "您当前的排队位置:{position}",
        "estimatedWaitMessage": "预计等待时间（分钟）：{minutes}",
        "idleWarningMessage": "您还在吗?如果没有回复,对话即将结束。",
        "idleClosedMessage": "由于没有收到您的回复,与客服的对话已结束。虚拟助手将继续为您服务。",
        "fileRequestedMessage": "{agent}请您提供一个文件,请在此发送。",
        "fileFailedMessage": "文件未能送达客服。",
        "fileNotDeliveredMessage": "未能送达客服的文件：{file}（{reason}）",
    },
    "zh_tw": {
        "lookingForAgentMessage": "請稍候，正在為您聯繫真人客服。",
        "agentJoinedMessage": "{agent}已加入，將為您服務。",
        "agentLeftMessage": "{agent}已離開對話。請稍候，另一位客服人員很快會繼續為您服務。",
        "conversationClosedMessage": "您與客服人員的對話已結束，感謝您的洽詢。",
        "endChatFromUserInstruction": "您可以隨時結束與客服人員的對話，請傳送：{command}",
        "noAgentAvailableMessage": "很抱歉，目前沒有可為您服務的客服人員。接下來由智慧助理繼續為您服務。",
        "handoffFailedMessage": "很抱歉，目前無法聯繫客服人員。接下來由智慧助理繼續為您服務。",
        "sessionExpiredMessage": "您與客服人員的連線已逾時。接下來由智慧助理繼續為您服務。",
        "messageNotDeliveredMessage": "以下內容未能送達客服人員：\n{message}",
        "queuePositionMessage": "您目前的排隊順位:{position}",
        "estimatedWaitMessage": "預計等候時間（分鐘）：{minutes}",
        "idleWarningMessage": "您還在嗎?若沒有回覆,對話即將結束。",
        "idleClosedMessage": "由於沒有收到您的回覆,與客服人員的對話已結束。虛擬助理將繼續為您服務。",
        "fileRequestedMessage": "{agent}請您提供一個檔案,請在此傳送。",
        "fileFailedMessage": "檔案未能送達客服人員。",
        "fileNotDeliveredMessage": "未能送達客服人員的檔案：{file}（{reason}）",
    },
    "ca": {
        "lookingForAgentMessage": "Un moment, si us plau. Busquem un agent que us pugui ajudar.",
        "agentJoinedMessage": "{agent} s’ha incorporat a la conversa.",
        "agentLeftMessage": "{agent} ha sortit de la conversa. "
        "No marxeu, si us plau: de seguida us atendrà una altra persona de l’equip.",
        "conversationClosedMessage": "La conversa amb l’agent ha finalitzat. Gràcies per contactar amb nosaltres.",
        "endChatFromUserInstruction": "Per finalitzar la conversa amb l’agent en qualsevol moment, envieu: {command}",
        "noAgentAvailableMessage": "Ho sentim, ara mateix no hi ha cap agent disponible. "
        "L’assistent virtual torna a estar a la vostra disposició.",
        "handoffFailedMessage": "Ho sentim, ara mateix no és possible contactar amb els nostres agents. "
        "L’assistent virtual torna a estar a la vostra disposició.",
        "sessionExpiredMessage": "La sessió amb l’agent ha caducat. "
        "L’assistent virtual torna a estar a la vostra disposició.",
        "messageNotDeliveredMessage": "Això no ha arribat a l’agent:\n{message}",
        "queuePositionMessage": "La vostra posició a la cua: {position}",
        "estimatedWaitMessage": "Temps d’espera estimat en minuts: {minutes}",
        "idleWarningMessage": "Encara hi sou? Si no responeu, la conversa finalitzarà aviat.",
        "idleClosedMessage": "La conversa amb l’agent ha finalitzat per manca de resposta. "
        "L’assistent virtual torna a estar a la vostra disposició.",
        "fileRequestedMessage": "{agent} us demana un fitxer. Envieu-lo aquí, si us plau.",
        "fileFailedMessage": "No s’ha pogut lliurar el fitxer a l’agent.",
        "fileNotDeliveredMessage": "No s’ha lliurat a l’agent: {file} ({reason})",
    },
    "nl": {
        "lookingForAgentMessage": "Een ogenblik geduld alstublieft. We zoeken een medewerker die u kan helpen.",
        "agentJoinedMessage": "{agent} neemt nu deel aan het gesprek.",
        "agentLeftMessage": "{agent} heeft het gesprek verlaten. "
        "Blijf alstublieft nog even, een collega is zo bij u.",
        "conversationClosedMessage": "Uw gesprek met de medewerker is afgesloten. Bedankt voor uw bericht.",
        "endChatFromUserInstruction": "U kunt het gesprek met de medewerker op elk moment beëindigen. "
        "Stuur daarvoor: {command}",
        "noAgentAvailableMessage": "Helaas is er op dit moment geen medewerker beschikbaar. "
        "De virtuele assistent helpt u weer verder.",
        "handoffFailedMessage": "Helaas zijn onze medewerkers op dit moment niet bereikbaar. "
        "De virtuele assistent helpt u weer verder.",
        "sessionExpiredMessage": "Uw sessie met de medewerker is verlopen. De virtuele assistent helpt u weer verder.",
        "messageNotDeliveredMessage": "Dit is niet bij de medewerker aangekomen:\n{message}",
        "queuePositionMessage": "Uw plaats in de wachtrij: {position}",
        "estimatedWaitMessage": "Geschatte wachttijd in minuten: {minutes}",
        "idleWarningMessage": "Bent u er nog? Zonder antwoord wordt het gesprek binnenkort beëindigd.",
        "idleClosedMessage": "Het gesprek met de medewerker is beëindigd omdat er geen antwoord kwam. "
        "De virtuele assistent staat weer voor u klaar.",
        "fileRequestedMessage": "{agent} vraagt om een bestand. Stuur het hier, alstublieft.",
        "fileFailedMessage": "Het bestand kon niet bij de medewerker worden bezorgd.",
        "fileNotDeliveredMessage": "Niet bij de medewerker bezorgd: {file} ({reason})",
    },
}

MESSAGES: dict[str, dict[str, str]] = {
    language: {
        key: f"{text}\n{REFERENCE_LINES[language]}" if key in REFERRED_TO else text
        for key, text in texts.items()
    }
    for language, texts in _TEXTS.items()
}
"""Language → message key → text."""
