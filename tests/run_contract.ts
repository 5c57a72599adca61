import { test } from "node:test";
import { contract } from "./contract.ts";

// For `node --test` and `bun test`.
contract((name, run) => void test(name, run));
