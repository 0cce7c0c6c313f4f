<?php
// What a program that uses PHP's Memcached extension sees of a server: every kind of call in the text protocol, each
// result as a row of JSON. Run as `php memcached.php HOST PORT` on an empty server; the same rows mean the same server.

[, $host, $port] = $argv;
$cache = new Memcached();
$cache->setOptions([Memcached::OPT_BINARY_PROTOCOL => false, Memcached::OPT_TCP_NODELAY => true]);
$cache->addServer($host, (int) $port);
$rows = [];

/** Notes a result, the code the client gave it, and its words. */
function note(string $what, mixed $result): mixed
{
    global $cache, $rows;
    $rows[] = [$what, base64_encode(serialize($result)), $cache->getResultCode(), $cache->getResultMessage()];
    return $result;
}

note('flush', $cache->flush());

// Values of every type, small and large, compressed and not.
$long = str_repeat('The quick brown fox. ', 500);
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
    note("set $name", $cache->set("v:$name", $value));
    note("get $name", $cache->get("v:$name"));
}
note('get of nothing', $cache->get('nothing'));

$cache->setOption(Memcached::OPT_COMPRESSION, false);
note('set uncompressed', $cache->set('v:raw', $long));
$cache->setOption(Memcached::OPT_COMPRESSION, true);
note('get uncompressed', $cache->get('v:raw'));
note('set 900 KB', $cache->set('v:huge', random_text(900_000)));
note('get 900 KB', md5((string) $cache->get('v:huge')));
$cache->setOption(Memcached::OPT_COMPRESSION, false);
note('set 2 MB', $cache->set('v:too-large', str_repeat('x', 2_000_000)));
note('get after 2 MB', $cache->get('v:too-large'));

note('add new', $cache->add('k', 'one'));
note('add again', $cache->add('k', 'two'));
note('replace', $cache->replace('k', 'three'));
note('replace nothing', $cache->replace('nothing', 'x'));
note('append', $cache->append('k', '+'));
note('prepend', $cache->prepend('k', '-'));
note('append to nothing', $cache->append('nothing', 'x'));
note('get', $cache->get('k'));
note('touch', $cache->touch('k', 100));
note('touch nothing', $cache->touch('nothing', 100));
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
note('increment past 32 bits', $cache->set('n', '4294967295') && $cache->increment('n', 1));
note('get n', $cache->get('n'));

note('set c', $cache->set('c', 'old'));
$found = $cache->get('c', null, Memcached::GET_EXTENDED);
note('get c', [$found['value'], is_int($found['cas']) && $found['cas'] > 0]);
note('cas', $cache->cas($found['cas'], 'c', 'new'));
note('cas again', $cache->cas($found['cas'], 'c', 'newer'));
note('cas of nothing', $cache->cas(1, 'nothing', 'x'));
note('get c', $cache->get('c'));

$many = [];
for ($i = 0; $i < 150; $i++) {
    $many["m:$i"] = "value $i";
}
note('setMulti', $cache->setMulti($many));
note('getMulti', $cache->getMulti([...array_keys($many), 'nothing']));
note('getMulti in order', $cache->getMulti(['m:3', 'nothing', 'm:1'], Memcached::GET_PRESERVE_ORDER));
note('deleteMulti', $cache->deleteMulti(['m:1', 'm:2', 'nothing']));
note('getMulti after', $cache->getMulti(['m:1', 'm:2', 'm:3']));
note('getDelayed', $cache->getDelayed(['m:3', 'm:4']));
note('fetchAll', $cache->fetchAll());

note('expired', $cache->set('e', 'x', -1));
note('get expired', $cache->get('e'));
note('a minute', $cache->set('e', 'x', 60));
note('get', $cache->get('e'));
note('a time of Unix', $cache->set('u', 'x', time() + 60));
note('get', $cache->get('u'));
note('a second', $cache->set('s', 'x', 1));
usleep(2_100_000);
note('get after the second', $cache->get('s'));

$cache->setOption(Memcached::OPT_NOREPLY, true);
note('set noreply', $cache->set('q', 'quiet'));
note('delete noreply', $cache->delete('e'));
$cache->setOption(Memcached::OPT_NOREPLY, false);
note('get', $cache->get('q'));
note('get', $cache->get('e'));
$cache->setOption(Memcached::OPT_BUFFER_WRITES, true);
note('set buffered', $cache->set('w', 'late'));
note('flushBuffers', $cache->flushBuffers());
// Setting the option ends the connection, and a server of several threads may read the next one first.
$cache->setOption(Memcached::OPT_BUFFER_WRITES, false);
for ($i = 0; $i < 1000 && $cache->get('w') === false; $i++) {
    usleep(1000);
}
note('get', $cache->get('w'));

note('a key of 251 bytes', $cache->get(str_repeat('k', 251)));
note('a key of 250 bytes', $cache->set(str_repeat('k', 250), 'x'));
note('a key with a space', $cache->set('a b', 'x'));
note('stats', count($cache->getStats()) === 1);
note('flush', $cache->flush());
note('get after flush', $cache->get('w'));

echo json_encode($rows, JSON_PRETTY_PRINT | JSON_THROW_ON_ERROR), "\n";

/** Text that does not compress well, the same each time. */
function random_text(int $bytes): string
{
    mt_srand(7);
    $text = '';
    while (strlen($text) < $bytes) {
        $text .= base_convert((string) mt_rand(), 10, 36);
    }
    return substr($text, 0, $bytes);
}
