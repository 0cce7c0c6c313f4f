<?php
// Asks the real extensions where keys go. Reads a list of cases as JSON from stdin, writes one list of answers per case.
// Keys are base64. Nothing is connected to.
//   {"class": "Memcache", "ini": {name: value}, "servers": [[host, port, weight]], "down": [index], "keys": [...]}
//     → "host:port" of each key
//   {"class": "Memcached", "steps": [[method, ...arguments]], "keys": [...]}
//     → [host, port] of each key, or null where the library refuses it
//   {"class": "libhashkit", "hash": number, "keys": [...]}
//     → the unsigned hash of each key
error_reporting(0);

function memcache(array $case): array
{
    foreach (["hash_strategy" => "consistent", "hash_function" => "crc32", "prefix_static_key" => "",
              "allow_failover" => "1", "max_failover_attempts" => "20"] as $name => $default) {
        ini_set("memcache.$name", (string) ($case["ini"][$name] ?? $default));
    }
    $pool = new MemcachePool();
    foreach ($case["servers"] as $index => [$host, $port, $weight]) {
        $up = !in_array($index, $case["down"], true);
        $pool->addServer($host, $port, 0, false, $weight, 1, $up ? 15 : -1, $up);
    }
    return array_map(fn ($key) => $pool->findServer(base64_decode($key)), $case["keys"]);
}

function memcached(array $case): array
{
    $client = new Memcached();
    foreach ($case["steps"] as $step) {
        $method = array_shift($step);
        if ($method === "setOption") {
            $step[0] = constant("Memcached::" . $step[0]);
        }
        $client->$method(...$step);
    }
    return array_map(function ($key) use ($client) {
        $server = $client->getServerByKey(base64_decode($key));
        return $server === false ? null : [$server["host"], $server["port"]];
    }, $case["keys"]);
}

function libhashkit(array $case): array
{
    static $library = null;
    $library ??= FFI::cdef(
        "uint32_t libhashkit_digest(const char *key, size_t length, int algorithm);",
        "libhashkit.so.2"
    );
    return array_map(function ($key) use ($library, $case) {
        $bytes = base64_decode($key);
        return $library->libhashkit_digest($bytes, strlen($bytes), $case["hash"]);
    }, $case["keys"]);
}

$answers = [];
foreach (json_decode(stream_get_contents(STDIN), true, 64, JSON_THROW_ON_ERROR) as $case) {
    $answers[] = strtolower($case["class"])($case);
}
echo json_encode($answers, JSON_THROW_ON_ERROR);
