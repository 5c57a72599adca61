import { missing } from "./commands.ts";
import { within } from "../../src/runtimes/timeout.ts";

/** How long npm may take to deliver the package, in milliseconds. */
const PATIENCE = 10_000;
/** How long a page that has gone may come back, in milliseconds: puppeteer's own time. */
const SWAP = 100;
/** The flags that a browser needs where it may be root, without a screen. */
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];

/** The part of puppeteer-core that is used here. */
interface Puppeteer {
  launch(options: object): Promise<PuppeteerBrowser>;
}

interface PuppeteerBrowser {
  newPage(): Promise<PuppeteerPage>;
  close(): Promise<void>;
}

interface PuppeteerPage {
  on(event: "request", handler: (request: { url(): string }) => void): void;
  on(event: "pageerror", handler: (error: Error) => void): void;
  on(
    event: "console",
    handler: (message: { type(): string; text(): string }) => void,
  ): void;
  goto(url: string, options: object): Promise<unknown>;
  evaluate(script: string): Promise<unknown>;
  waitForFunction(script: string): Promise<unknown>;
  setViewport(size: { width: number; height: number }): Promise<void>;
  readonly keyboard: {
    press(key: string): Promise<void>;
    type(text: string): Promise<void>;
  };
  emulateMediaType(type?: "screen" | "print"): Promise<void>;
  emulateMediaFeatures(
    features: { name: string; value: string }[],
  ): Promise<void>;
  screenshot(options: object): Promise<Uint8Array>;
}

/** Chromium without a screen, and one page in it. */
export class Browser implements AsyncDisposable {
  /** The addresses of all that the page has asked for. */
  readonly requests: string[] = [];
  /** What the page has complained of. */
  readonly errors: string[] = [];
  readonly #browser: PuppeteerBrowser;
  readonly #page: PuppeteerPage;

  private constructor(browser: PuppeteerBrowser, page: PuppeteerPage) {
    this.#browser = browser;
    this.#page = page;
    page.on("request", (request) => this.requests.push(request.url()));
    page.on("pageerror", (error) => this.errors.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
  }

  /** Starts it. */
  static async start(): Promise<Browser> {
    const puppeteer = await loadPuppeteer();
    if (!puppeteer) throw new Error("There is no puppeteer-core");
    const browser = await puppeteer.launch({
      executablePath: "/usr/bin/chromium",
      args: FLAGS,
    });
    return new Browser(browser, await browser.newPage());
  }

  /** Opens an address; resolves when the page has loaded. */
  async open(url: string | URL): Promise<void> {
    await this.#page.goto(String(url), { waitUntil: "load" });
  }

  /** Runs a script in the page, and resolves with its value. */
  evaluate(script: string): Promise<unknown> {
    return this.#page.evaluate(script);
  }

  /** Resolves when an expression is true in the page. */
  async until(expression: string): Promise<void> {
    await this.#page.waitForFunction(expression);
  }

  /** Resolves when the text of an element matches. */
  async textIs(selector: string, expected: RegExp): Promise<void> {
    await this.until(`${expected}.test(${textOf(selector)})`);
  }

  /** The text of an element. */
  async text(selector: string): Promise<string> {
    return String(await this.evaluate(textOf(selector)));
  }

  /** Presses a key. */
  async press(key: string): Promise<void> {
    await this.#page.keyboard.press(key);
  }

  /** Types a text. */
  async type(text: string): Promise<void> {
    await this.#page.keyboard.type(text);
  }

  /** Gives the page another size. */
  async resize(width: number, height: number): Promise<void> {
    await this.#page.setViewport({ width, height });
  }

  /** Chooses how the page is shown. */
  async show(how: "light" | "dark" | "print"): Promise<void> {
    await this.#page.emulateMediaType(how === "print" ? "print" : "screen");
    await this.#page.emulateMediaFeatures([{
      name: "prefers-color-scheme",
      value: how === "dark" ? "dark" : "light",
    }]);
  }

  /** Takes a picture as PNG, of the whole page unless told otherwise. */
  screenshot({ fullPage = true } = {}): Promise<Uint8Array> {
    return this.#page.screenshot({ fullPage });
  }

  async [Symbol.asyncDispose]() {
    await this.#browser.close();
    // Puppeteer waits for another page in its place, and does not say until when.
    await new Promise((resolve) => setTimeout(resolve, 2 * SWAP));
  }
}

/** A script for the text of an element. */
function textOf(selector: string): string {
  return `document.querySelector(${JSON.stringify(selector)}).textContent`;
}

/** What a test in a browser lacks: undefined if there is all it needs. */
export async function lackForBrowser(): Promise<string | undefined> {
  if (missing("chromium").length > 0) return "chromium";
  return await loadPuppeteer() ? undefined : "puppeteer-core";
}

/** Loads the library that drives it; undefined without npm, nor a copy of the package. */
async function loadPuppeteer(): Promise<Puppeteer | undefined> {
  // A literal would be fetched before the first test of any file.
  const specifier = "npm:puppeteer-core@^24";
  const loading: Promise<{ readonly default: Puppeteer }> = import(specifier);
  try {
    return (await within(PATIENCE, specifier, loading, () => {})).default;
  } catch {
    return undefined;
  }
}
