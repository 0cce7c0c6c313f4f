<?php
// A PHP worker that lives through an outage, as those of FPM do: one client object, told what to do line by line. The first
// line of stdin is {class, options, servers}; then {op: "set", pairs} or {op: "get", keys}, each answered by one line.
error_reporting(0);
$job = json_decode(fgets(STDIN), true);
if ($job["class"] === "Memcache") {
    $client = new Memcache();
    // Tried again after a second in place of fifteen.
    foreach ($job["servers"] as $port) $client->addServer("127.0.0.1", $port, false, 1, 1, 1);
    $store = fn($key, $value) => $client->set($key, $value, 0, 0);
} else {
    $client = new Memcached();
    foreach ($job["options"] as $name => $value) $client->setOption(constant("Memcached::$name"), $value);
    foreach ($job["servers"] as $port) $client->addServer("127.0.0.1", $port);
    $store = fn($key, $value) => $client->set($key, $value);
}
while (($line = fgets(STDIN)) !== false) {
    $task = json_decode($line, true);
    $answer = [];
    if ($task["op"] === "set") {
        foreach ($task["pairs"] as [$key, $value]) $answer[] = $store($key, $value);
    } else {
        foreach ($task["keys"] as $key) {
            $value = $client->get($key);
            $answer[] = $value === false ? null : $value;
        }
    }
    echo json_encode($answer), "\n";
}
