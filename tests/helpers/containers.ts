import { assertEquals } from "./assert.ts";
import { TemporaryDirectory } from "./certificates.ts";
import { type Ended, Program } from "./program.ts";

/** The settings of podman and buildah. */
const SETTINGS = `
[containers]
# No higher than usual, which needs no privilege.
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
# It runs with either version of control groups.
runtime = "runc"
`;

/** What an image is made of. */
interface Contents {
  /** The platform that the image says it is for: `linux/amd64`. */
  readonly platform: string;
  /** The architecture of the packages. */
  readonly architecture: string;
  /** Debian packages. They are only unpacked: nothing of them is run. */
  readonly packages: readonly string[];
  /** Other files, by their names in the image. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Images and containers apart from those of the machine, which go with this. */
export class Containers implements AsyncDisposable {
  readonly #directory = new TemporaryDirectory();
  readonly #env: Record<string, string>;

  constructor() {
    const file = (name: string) => this.#directory.file(name);
    this.#env = {
      CONTAINERS_CONF: file("containers.conf"),
      CONTAINERS_STORAGE_CONF: file("storage.conf"),
    };
    Deno.writeTextFileSync(file("containers.conf"), SETTINGS);
    // With the driver that works on every file system.
    const storage = `[storage]
driver = "vfs"
graphroot = "${file("images")}"
runroot = "${file("run")}"
`;
    Deno.writeTextFileSync(file("storage.conf"), storage);
  }

  /** Makes an image. */
  async bootstrap(
    image: string,
    { platform, architecture, packages, files = {} }: Contents,
  ): Promise<void> {
    const context = this.#directory.file(image);
    await Deno.mkdir(context);
    await run("mmdebstrap", [
      ...["--quiet", "--variant=extract", `--arch=${architecture}`],
      ...[`--include=${packages.join(",")}`, "bookworm", `${context}/root.tar`],
    ]);
    const lines = ["FROM scratch", "ADD root.tar /"];
    for (const [target, source] of Object.entries(files)) {
      const copy = target.replaceAll("/", "_");
      await Deno.copyFile(source, `${context}/${copy}`);
      lines.push(`COPY ${copy} ${target}`);
    }
    await Deno.writeTextFile(`${context}/Containerfile`, lines.join("\n"));
    const as = ["--platform", platform, "--tag", image];
    await this.run("buildah", "build", ...as, context);
    await Deno.remove(context, { recursive: true });
  }

  start(command: "buildah" | "podman", ...args: string[]): Program {
    return new Program(command, args, this.#env);
  }

  run(command: "buildah" | "podman", ...args: string[]): Promise<Ended> {
    return run(command, args, this.#env);
  }

  async [Symbol.asyncDispose]() {
    await this.run("podman", "rm", "--all", "--force", "--time", "0");
    this.#directory[Symbol.dispose]();
  }
}

async function run(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const ended = await new Program(command, args, env).ended();
  const { code, stdout, stderr } = ended;
  assertEquals(code, 0, `${command} ${args.join(" ")}:\n${stdout}${stderr}`);
  return ended;
}
