import config from "../../deno.json" with { type: "json" };
import { askRaw } from "../helpers/admin.ts";
import { assert, assertEquals } from "../helpers/assert.ts";
import { TemporaryDirectory } from "../helpers/certificates.ts";
import { Client, pattern } from "../helpers/client.ts";
import {
  podTemplateOf,
  type Probe,
  readManifest,
  type Resource,
} from "../helpers/manifest.ts";
import { Program, testProgram } from "../helpers/program.ts";
import { RUNTIMES } from "../helpers/runtimes.ts";

/** How long ends in good order may take after `--grace`, in seconds. */
const FAREWELL = 2;
/** What the kubelet calls a pod by, with IPv4 and with IPv6. */
const PODS = ["10.244.1.7", "[fd00:10:244::7]"];

const resources = await readManifest();
const lacking = resources.length > 0 ? "" : " (without yaml)";

Deno.test({
  name: `The manifest has no field that Kubernetes does not know${lacking}`,
  ignore: lacking !== "",
  async fn() {
    using directory = new TemporaryDirectory();
    const file = directory.file("manifest.ts");
    await Deno.writeTextFile(file, resources.map(toModule).join(""));
    // Unknown fields are errors of types; the rest is seen when it is run.
    const args = ["run", "--quiet", "--check", "-A", file];
    const { code, stderr } = await new Program(Deno.execPath(), args).ended();
    assertEquals(code, 0, stderr);
  },
});

Deno.test({
  name: `The manifest agrees with itself and the version${lacking}`,
  ignore: lacking !== "",
  fn() {
    const { metadata, spec } = podTemplateOf(resources);
    const [{ image, args, lifecycle }] = spec.containers;
    assertEquals(image, `echod:${config.version}`);
    const grace = Number(/--grace=(\d+)s/.exec(args.join(" "))?.[1]);
    const needed = lifecycle.preStop.sleep.seconds + grace + FAREWELL;
    assert(needed < spec.terminationGracePeriodSeconds, `${needed} s`);
    assertEquals(
      resources.map(selectorOf),
      resources.map(() => metadata.labels),
    );
  },
});

testProgram(
  `The arguments of the manifest answer the kubelet's probes${lacking}`,
  async (runtime) => {
    const [{ args, ports, readinessProbe, livenessProbe }] =
      podTemplateOf(resources)
        .spec.containers;
    const [, admin] = ports;
    assert(admin);
    const own = args.map((arg) =>
      arg.replace(new RegExp(`:${admin.containerPort}$`), ":0")
    );
    assert(own.join() !== args.join());
    await using server = Program.start(runtime, ...own, "--port", "0");
    await using client = await Client.connect(await server.port());
    await client.echo(pattern(10));
    const [, port] = await server.line(/"admin".*:(\d+)\//);

    const probe = async ({ httpGet }: Probe) => {
      assertEquals(httpGet.port, admin.name);
      const answers = PODS.map((pod) =>
        askRaw(
          `http://127.0.0.1:${port}`,
          `GET ${httpGet.path} HTTP/1.1\r\nHost: ${pod}:${port}\r\n` +
            "User-Agent: kube-probe/1.34\r\nAccept: */*\r\n" +
            "Connection: close\r\n\r\n",
        )
      );
      return (await Promise.all(answers)).map(({ status }) => status);
    };
    assertEquals(await probe(readinessProbe), [200, 200]);
    assertEquals(await probe(livenessProbe), [200, 200]);

    server.signal("SIGTERM");
    await server.line(/"drain"/);
    assertEquals(await probe(readinessProbe), [503, 503]);
    assertEquals(await probe(livenessProbe), [200, 200]);
    client.end();
    assertEquals((await server.ended()).code, 0);
  },
  lacking === "" ? RUNTIMES : [],
);

/** The labels of the pods that a resource is for. */
function selectorOf({ spec }: Resource): unknown {
  const selector = spec.podSelector ?? spec.selector ?? {};
  return "matchLabels" in selector ? selector.matchLabels : selector;
}

/** A module that TypeScript accepts, and that ends well, if a resource is right. */
function toModule(resource: Resource): string {
  const { apiVersion, kind } = resource;
  const text = JSON.stringify(resource);
  return `import { ${kind}, type I${kind} } from "npm:kubernetes-models@^5/${apiVersion}";
const own${kind}: I${kind} = ${text};
new ${kind}(own${kind}).validate();
`;
}
