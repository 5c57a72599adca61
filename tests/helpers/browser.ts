import { missing } from "./commands.ts";
import { within } from "../../src/runtimes/within.ts";

/** How long npm may take to deliver the package, in milliseconds. */
const PATIENCE = 10_000;
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

  /** Chooses how the page is shown. */
  async show(how: "light" | "dark" | "print"): Promise<void> {
    await this.#page.emulateMediaType(how === "print" ? "print" : "screen");
    await this.#page.emulateMediaFeatures([{
      name: "prefers-color-scheme",
      value: how === "dark" ? "dark" : "light",
    }]);
  }

  /** Takes a picture of the whole page, as PNG. */
  screenshot(): Promise<Uint8Array> {
    return this.#page.screenshot({ fullPage: true });
  }

  async [Symbol.asyncDispose]() {
    await this.#browser.close();
  }
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
