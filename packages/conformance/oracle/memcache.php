<?php
// What a program that uses PHP's Memcache extension sees of a server: every kind of call in the text protocol, each
// result as a row of JSON. Run as `php memcache.php HOST PORT` on an empty server; the same rows mean the same server.

[, $host, $port] = $argv;
ini_set('memcache.protocol', 'ascii');
$cache = new Memcache();
$rows = [];

/** Notes a result and the warning it came with. */
function note(string $what, mixed $result): mixed
{
    global $rows;
    $warning = error_get_last()['message'] ?? null;
    error_clear_last();
    // A warning names the server; two servers have two ports.
    $warning = $warning === null ? null : preg_replace('/\(tcp \d+, udp \d+\)|:\d+/', '', $warning);
    $rows[] = [$what, base64_encode(serialize($result)), $warning];
    return $result;
}
error_reporting(E_ALL);
ini_set('display_errors', '0');
ini_set('log_errors', '0');

note('connect', $cache->addServer($host, (int) $port));
note('flush', $cache->flush());

$long = str_repeat('The quick brown fox. ', 5000);
$values = [
    'string' => 'plain',
    'empty' => '',
    'zero' => 0,
    'int' => 1234567890123,
    'negative' => -42,
    'float' => 3.25,
    'true' => true,
    'false' => false,
    'null' => null,
    'list' => [1, 2, [3, 'four']],
    'map' => ['a' => 1, 'nested' => ['b' => null]],
    'object' => (object) ['x' => 1],
    'binary' => "\0\r\nEND\r\n\xff",
    'long' => $long,
    'digits' => '0123',
];
foreach ($values as $name => $value) {
    foreach ([0, MEMCACHE_COMPRESSED] as $flags) {
        note("set $name, flags $flags", $cache->set("v:$name", $value, $flags));
        note("get $name, flags $flags", $cache->get("v:$name"));
    }
}
note('get of nothing', $cache->get('nothing'));
note('set 2 MB', $cache->set('v:too-large', str_repeat('x', 2_000_000)));
note('get after 2 MB', $cache->get('v:too-large'));

note('add new', $cache->add('k', 'one'));
note('add again', $cache->add('k', 'two'));
note('replace', $cache->replace('k', 'three'));
note('replace nothing', $cache->replace('nothing', 'x'));
foreach (['append', 'prepend'] as $method) {
    if (method_exists($cache, $method)) {
        note($method, $cache->$method('k', '+'));
        note("$method to nothing", $cache->$method('nothing', 'x'));
    }
}
note('get', $cache->get('k'));
note('delete', $cache->delete('k'));
note('delete again', $cache->delete('k'));

note('set n', $cache->set('n', 10));
note('increment', $cache->increment('n'));
note('increment by 5', $cache->increment('n', 5));
note('decrement', $cache->decrement('n'));
note('decrement below 0', $cache->decrement('n', 1000));
note('get n', $cache->get('n'));
note('increment nothing', $cache->increment('nothing'));
note('set text', $cache->set('text', 'abc'));
note('increment text', $cache->increment('text'));

if (method_exists($cache, 'cas')) {
    note('set c', $cache->set('c', 'old'));
    $flags = 0;
    $cas = 0;
    note('get c', $cache->get('c', $flags, $cas));
    note('its cas', $cas > 0);
    note('cas', $cache->cas('c', 'new', 0, 0, $cas));
    note('cas again', $cache->cas('c', 'newer', 0, 0, $cas));
    note('cas of nothing', $cache->cas('nothing', 'x', 0, 0, 1));
    note('get c', $cache->get('c'));
}

$names = [];
for ($i = 0; $i < 150; $i++) {
    $names[] = "m:$i";
    $cache->set("m:$i", "value $i");
}
note('get of many', $cache->get([...$names, 'nothing']));
note('flags of many', (function () use ($cache) {
    $flags = null;
    $cache->set('f:1', [1], MEMCACHE_COMPRESSED);
    $cache->set('f:2', 7);
    $cache->get(['f:1', 'f:2'], $flags);
    return $flags;
})());

note('expired', $cache->set('e', 'x', 0, -1));
note('get expired', $cache->get('e'));
note('a minute', $cache->set('e', 'x', 0, 60));
note('get', $cache->get('e'));
note('a time of Unix', $cache->set('u', 'x', 0, time() + 60));
note('get', $cache->get('u'));
note('a second', $cache->set('s', 'x', 0, 1));
usleep(2_100_000);
note('get after the second', $cache->get('s'));

note('a key of 250 bytes', $cache->set(str_repeat('k', 250), 'x'));
note('a key of 251 bytes', $cache->set(str_repeat('k', 251), 'y'));
note('get of 251 bytes', $cache->get(str_repeat('k', 251)));
note('a key with a space', $cache->set('a b', 'x'));
note('get with a space', $cache->get('a b'));
note('server status', $cache->getServerStatus($host, (int) $port));
note('stats', is_array($cache->getStats()));
note('flush', $cache->flush());
note('get after flush', $cache->get('e'));
note('close', $cache->close());

echo json_encode($rows, JSON_PRETTY_PRINT | JSON_THROW_ON_ERROR), "\n";
