import "./runtimes/connect_udp_test.ts";
import "./runtimes/deno_test.ts";
import "./runtimes/each_address_test.ts";
import "./runtimes/resolve_test.ts";
import "./runtimes/runtimes_test.ts";
import "./runtimes/self_connection_test.ts";
import "./runtimes/tcp_delivery_test.ts";
import "./runtimes/udp_table_test.ts";
