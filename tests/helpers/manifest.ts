import { within } from "../../src/runtimes/timeout.ts";
import { assertEquals } from "./assert.ts";

const MANIFEST = new URL("../../deploy/kubernetes/echod.yaml", import.meta.url);
/** How long npm may take to deliver the parser, in milliseconds. */
const PATIENCE = 5_000;

type Labels = Readonly<Record<string, string>>;

interface Selector {
  readonly matchLabels: Labels;
}

/** What the tests look at, of a resource. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: {
    readonly selector?: Labels | Selector;
    readonly podSelector?: Selector;
    readonly template?: PodTemplate;
  };
}

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

/** What the tests look at, of the pods. */
export interface PodTemplate {
  readonly metadata: { readonly labels: Labels };
  readonly spec: {
    readonly terminationGracePeriodSeconds: number;
    readonly containers: readonly [{
      readonly image: string;
      readonly args: readonly string[];
      readonly ports: readonly {
        readonly name: string;
        readonly containerPort: number;
      }[];
      readonly readinessProbe: Probe;
      readonly livenessProbe: Probe;
      readonly lifecycle: {
        readonly preStop: { readonly sleep: { readonly seconds: number } };
      };
    }];
  };
}

interface Yaml {
  parseAllDocuments(
    text: string,
  ): { readonly errors: readonly Error[]; toJSON(): Resource }[];
}

/**
 * Reads what the manifest for Kubernetes has. Resolves with nothing without the
 * permission, or without npm, from where the parser of YAML is.
 */
export async function readManifest(): Promise<Resource[]> {
  const permission = { name: "read", path: MANIFEST } as const;
  const { state } = await Deno.permissions.query(permission);
  const yaml = state === "granted" ? await loadYaml() : undefined;
  if (!yaml) return [];
  const documents = yaml.parseAllDocuments(await Deno.readTextFile(MANIFEST));
  assertEquals(documents.flatMap(({ errors }) => errors), []);
  return documents.map((document) => document.toJSON());
}

/** The template of the pods among resources. */
export function podTemplateOf(resources: readonly Resource[]): PodTemplate {
  const [template] = resources.flatMap(({ spec }) => spec.template ?? []);
  if (!template) throw new Error("No resource has a template of pods");
  return template;
}

async function loadYaml(): Promise<Yaml | undefined> {
  // A literal would be fetched before the first test of any file.
  const specifier = "npm:yaml@^2";
  const loading: Promise<Yaml> = import(specifier);
  return await within(PATIENCE, specifier, loading, () => {})
    .catch(() => undefined);
}
