// Tells the other side that someone is typing: once when it begins, once when it stops.

const QUIET_MS = 3000;

/** `tell(started)` is called with true at the first key and with false after a pause, on sending and on leaving. */
export function noticeTyping(input, tell) {
  let timer = null;
  const stop = () => {
    if (timer === null) return;
    clearTimeout(timer);
    timer = null;
    tell(false);
  };
  input.addEventListener("input", () => {
    if (timer === null && input.value) tell(true);
    clearTimeout(timer);
    timer = input.value ? setTimeout(stop, QUIET_MS) : (timer && setTimeout(stop, 0));
  });
  input.addEventListener("blur", stop);
  return stop;
}
