// Runs `hotiron demo` and says where its page is.
import {spawn} from "node:child_process";
import {createRequire} from "node:module";

export const need = createRequire(`${process.env.HOTIRON_NODE}/package.json`);

export async function startDemo(...options) {
  const child = spawn(process.env.HOTIRON_BINARY,
    ["demo", "--admin-port", "0", "--serve-port", "0", ...options],
    {stdio: ["ignore", "pipe", "inherit"]});
  let output = "";
  const url = (name) => output.match(new RegExp(`${name} +(http://\\S+)`))?.[1];
  await new Promise((resolve, reject) => {
    child.stdout.on("data", (data) => {
      output += data;
      if (url("metrics") && output.includes("stop  ")) resolve();
    });
    child.on("exit", (code) => reject(new Error(`demo ended with ${code}\n${output}`)));
  });
  return {
    page: url("page"),
    metrics: url("metrics"),
    halt: () => child.kill("SIGSTOP"),
    goOn: () => child.kill("SIGCONT"),
    stop: () => new Promise((resolve) => {
      child.removeAllListeners("exit");
      child.on("exit", resolve);
      child.kill("SIGINT");
      setTimeout(() => child.kill("SIGINT"), 20_000).unref();  // the second ends it at once
    }),
  };
}

// Asks until the answer is truthy, and returns it.
export async function until(what, ask, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within ${seconds} s: ${what}`);
}
