import "./listen/endpoint_test.ts";
import "./listen/networks_test.ts";
import "./listen/proxy_listener_test.ts";
import "./listen/proxy_protocol_test.ts";
import "./listen/replaceable_certificate_test.ts";
import "./listen/udp_listener_test.ts";
import "./listen/udp_test.ts";
import "./listen/unix_test.ts";
