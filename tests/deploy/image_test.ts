import config from "../../deno.json" with { type: "json" };
import { assertEquals, assertMatch } from "../helpers/assert.ts";
import { missing } from "../helpers/commands.ts";
import { Containers } from "../helpers/containers.ts";
import { podTemplateOf, readManifest } from "../helpers/manifest.ts";
import { Program } from "../helpers/program.ts";
import { RUNTIMES } from "../helpers/runtimes.ts";
import { FULL, report } from "../helpers/scale.ts";

const [, , BUN] = RUNTIMES;
const CONTAINERFILE = new URL("../../deploy/Containerfile", import.meta.url);
/** The architectures of the image, and what runs their programs on another one. */
const ARCHITECTURES = [
  { name: "amd64", deno: "x86_64", emulator: "qemu-x86_64-static" },
  { name: "arm64", deno: "aarch64", emulator: "qemu-aarch64-static" },
] as const;
const [OWN] = ARCHITECTURES.filter(({ deno }) => deno === Deno.build.arch);
const [OTHER] = ARCHITECTURES.filter((one) => one !== OWN);

const { state } = await Deno.permissions.query({
  name: "read",
  path: CONTAINERFILE,
});

Deno.test({
  name: "the Containerfile has the version of deno.json",
  ignore: state !== "granted",
  async fn() {
    const text = await Deno.readTextFile(CONTAINERFILE);
    const [, version] = /image\.version="(.*)"/.exec(text) ?? [];
    assertEquals(version, config.version);
  },
});

if (FULL && OWN && OTHER) testImage(OWN.name, OTHER);

function testImage(own: string, other: typeof ARCHITECTURES[number]): void {
  const lacking = missing(
    ...["buildah", "podman", "runc", "mmdebstrap", other.emulator],
    ...["nsenter", "ip", "curl"],
  ).join(" and ");
  Deno.test({
    name: `The image${lacking && ` (without ${lacking})`}`,
    ignore: lacking !== "" || BUN.command === "",
    async fn(t) {
      await using containers = new Containers();
      /** Runs it as an operator would who trusts nobody. */
      const hardened = [
        ...["run", "--read-only", "--read-only-tmpfs=false"],
        ...["--cap-drop", "all", "--security-opt", "no-new-privileges"],
        ...["--network", "none", "--env", "HOME=/nonexistent"],
      ];

      /** Builds it for an architecture, as `echod-amd64`. */
      const build = async (architecture: string, ...options: string[]) => {
        const [base, builder] = [
          `base-${architecture}`,
          `builder-${architecture}`,
        ];
        const platform = `linux/${architecture}`;
        await containers.bootstrap(base, {
          ...{ platform, architecture, packages: ["libc6"] },
        });
        // It runs here, but says that it is of the other architecture: buildah 1.28
        // takes a base of the builder's platform for the second stage, too.
        await containers.bootstrap(builder, {
          ...{ platform, architecture: own, packages: ["libc6", "dash"] },
          files: { "/bin/bun": BUN.command },
        });
        await containers.run(
          "buildah",
          ...["build", "--file", "deploy/Containerfile", "--format", "docker"],
          ...[
            "--platform",
            platform,
            "--build-arg",
            `BUILDPLATFORM=${platform}`,
          ],
          ...["--build-arg", `BUILDER=localhost/${builder}`],
          ...["--build-arg", `BASE=localhost/${base}`],
          ...["--tag", `echod-${architecture}`, ...options, "."],
        );
      };

      /** The process of a container, as the machine numbers it. */
      const pidOf = async (name: string): Promise<string> => {
        const format = ["--format", "{{.State.Pid}}"];
        const inspect = ["inspect", ...format, name];
        return (await containers.run("podman", ...inspect)).stdout.trim();
      };

      await t.step("is built without a network", async () => {
        await build(own, "--isolation", "oci", "--network", "none");
        const { stdout } = await containers.run(
          "podman",
          ...["image", "inspect", `echod-${own}`],
        );
        const [image] = JSON.parse(stdout);
        assertEquals(image.Architecture, own);
        assertEquals(image.User, "65532:65532");
        assertEquals(
          image.Labels["org.opencontainers.image.base.name"],
          `localhost/base-${own}`,
        );
        report(`The image: ${(image.Size / 1e6).toFixed(0)} MB`);
      });

      await t.step("has no shell", async () => {
        await using shell = containers.start(
          "podman",
          ...[...hardened, "--entrypoint", "/bin/sh", `echod-${own}`],
        );
        const { code, stderr } = await shell.ended();
        assertEquals(code, 127);
        assertMatch(stderr, /\/bin\/sh.* no such file or directory/);
      });

      await t.step("echoes and drains with no privilege at all", async () => {
        await using server = containers.start(
          "podman",
          ...[...hardened, "--name", "echod", `echod-${own}`],
          ...["-v", "-H", "::", "--workers", "2", "--grace", "7s"],
        );
        assertEquals(await server.port(), 3000);
        const pid = await pidOf("echod");
        const status = await Deno.readTextFile(`/proc/${pid}/status`);
        for (
          const line of [
            /^Uid:(\t65532){4}$/m,
            /^Gid:(\t65532){4}$/m,
            /^NSpid:\t\d+\t1$/m,
            /^CapBnd:\t0+$/m,
            /^NoNewPrivs:\t1$/m,
            /^Seccomp:\t2$/m,
          ]
        ) assertMatch(status, line);
        const mounts = await Deno.readTextFile(`/proc/${pid}/mountinfo`);
        assertMatch(mounts, /^\d+ \d+ \S+ \S+ \/ ro,/m);

        await containers.run("podman", "healthcheck", "run", "echod");
        await server.line(/^#1 .* closed \(eof\): 64 B echoed/);

        await using bench = containers.start(
          "podman",
          ...["exec", "echod", "/echod", "bench", "-c", "1", "-d", "2s"],
          "tcp://127.0.0.1:3000",
        );
        await server.line(/^#2 .* opened$/);
        server.signal("SIGTERM");
        await server.line(/^Draining 1 connection/);
        const { code, stdout, stderr } = await bench.ended();
        assertEquals(code, 0, stdout + stderr);
        assertMatch(stdout, /^No errors: /m);
        assertEquals((await server.ended()).code, 0);
      });

      await t.step("answers probes of the address of its pod", async () => {
        const template = podTemplateOf(await readManifest());
        const [{ args, readinessProbe, livenessProbe }] =
          template.spec.containers;
        await using server = containers.start(
          "podman",
          ...[...hardened, "--name", "pod", `echod-${own}`, ...args],
        );
        assertEquals(await server.port(), 3000);
        const inPod = async (...command: string[]): Promise<string> => {
          const enter = ["--net", "--target", await pidOf("pod"), ...command];
          const { code, stdout, stderr } = await new Program("nsenter", enter)
            .ended();
          assertEquals(code, 0, stderr);
          return stdout;
        };
        await inPod("ip", "address", "add", "10.244.1.7/32", "dev", "lo");
        for (const { httpGet } of [readinessProbe, livenessProbe]) {
          const url = `http://10.244.1.7:9090${httpGet.path}`;
          assertMatch(await inPod("curl", "-si", url), /^HTTP\/1\.1 200 /);
        }
        server.signal("SIGTERM");
        assertEquals((await server.ended()).code, 0);
      });

      await t.step(`is built for ${other.name}, too`, async () => {
        // Bun takes its part for the other architecture from npm.
        const certificates = "/etc/ssl/certs:/etc/ssl/certs:ro";
        const volume = ["--volume", certificates];
        await build(other.name, "--isolation", "chroot", ...volume);
        await using server = containers.start(
          "podman",
          ...[...hardened, "--platform", `linux/${other.name}`],
          ...["--volume", `/usr/bin/${other.emulator}:/emulator:ro`],
          ...["--entrypoint", "/emulator", "--name", "emulated"],
          ...[`echod-${other.name}`, "/echod", "--workers", "2"],
        );
        assertEquals(await server.port(), 3000);
        const { stdout } = await containers.run(
          "podman",
          ...["exec", "emulated", "/emulator", "/echod", "bench", "-n", "100"],
          "tcp://127.0.0.1:3000",
        );
        assertMatch(stdout, /^No errors: /m);
        server.signal("SIGTERM");
        assertEquals((await server.ended()).code, 0);
      });
    },
  });
}
