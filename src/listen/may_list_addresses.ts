/**
 * Whether the addresses of this machine can be listed. Deno needs a permission
 * for it, which it is not asked for here.
 */
export function mayListAddresses(): boolean {
  if (!("Deno" in globalThis)) return true;
  const query = { name: "sys", kind: "networkInterfaces" } as const;
  return Deno.permissions.querySync(query).state === "granted";
}
