import { test } from "node:test";
import { contract } from "./contract.ts";

contract((name, run) => void test(`Node: ${name}`, run));
