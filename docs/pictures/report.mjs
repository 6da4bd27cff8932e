// Makes report.png of the report that make.py leaves, in a headless Chromium from npm:
//   npm install --prefix /tmp/browser @sparticuz/chromium puppeteer-core
//   NODE_PATH=/tmp/browser/node_modules node docs/pictures/report.mjs
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(`${process.env.NODE_PATH}/`);
const { default: chromium } = await import(require.resolve("@sparticuz/chromium"));
const { default: puppeteer } = await import(require.resolve("puppeteer-core"));
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const browser = await puppeteer.launch({
  args: [...chromium.args, "--no-sandbox"],
  executablePath: await chromium.executablePath(),
  headless: "shell",
});
const page = await browser.newPage();
await page.setViewport({ width: 1000, height: 1180 });
await page.goto(`file://${here("../../output/report.html")}`);
await page.screenshot({ path: here("report.png") });
await browser.close();
