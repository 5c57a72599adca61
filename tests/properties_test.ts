import "./properties/properties_test.ts";
import "./properties/proxy_protocol_test.ts";
