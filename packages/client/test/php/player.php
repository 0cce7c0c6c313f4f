<?php
// One object of class Memcache or Memcached that lives as long as this program. It is told by lines of JSON what to call
// and answers each with a line: {"result": ..., "code": ...}.
//
// php player.php CLASS CONFIG, where CONFIG is JSON: servers as [host, port] pairs, ini as memcache.* settings, retry as
// addServer's retry_interval, options as Memcached's OPT_* names and values.

error_reporting(0);
ini_set('display_errors', '0');
[, $class, $json] = $argv;
$config = json_decode($json, true);

foreach ($config['ini'] ?? [] as $name => $value) {
    ini_set("memcache.$name", (string) $value);
}
$cache = new $class();
foreach ($config['options'] ?? [] as $name => $value) {
    $cache->setOption(constant("Memcached::$name"), $value);
}
foreach ($config['servers'] as [$host, $port]) {
    if ($class === 'Memcache') {
        // Not persistent, weight 1, one second of timeout.
        $cache->addServer($host, $port, false, 1, 1, $config['retry']);
    } else {
        $cache->addServer($host, $port);
    }
}

while (($line = fgets(STDIN)) !== false) {
    [$method, $key, $value] = json_decode($line, true);
    $result = $method === 'set' ? $cache->set($key, $value) : $cache->get($key);
    $code = $class === 'Memcached' ? $cache->getResultCode() : 0;
    echo json_encode(['result' => $result, 'code' => $code]), "\n";
}
