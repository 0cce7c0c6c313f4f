<?php
// Sets keys directly on memcached servers by one of PHP's own clients. Reads one JSON object from stdin:
// class, servers [[host, port, weight]…], options {name: value}, prefix, keys. Prints how many were stored.
$job = json_decode(stream_get_contents(STDIN), true);
if ($job["class"] === "Memcache") {
    $client = new Memcache();
    foreach ($job["servers"] as [$host, $port, $weight]) $client->addServer($host, $port, false, $weight);
    $store = fn($key) => $client->set($key, "v:$key", 0, 0);
} else {
    $client = new Memcached();
    foreach ($job["options"] as $name => $value) {
        $constant = is_string($value) ? constant("Memcached::$value") : $value;
        $client->setOption(constant("Memcached::$name"), $constant);
    }
    if ($job["prefix"] !== "") $client->setOption(Memcached::OPT_PREFIX_KEY, $job["prefix"]);
    foreach ($job["servers"] as [$host, $port, $weight]) $client->addServer($host, $port, $weight);
    $store = fn($key) => $client->set($key, "v:$key");
}
echo count(array_filter($job["keys"], $store));
