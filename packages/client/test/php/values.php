<?php
// Values through PHP's own two classes, for the live test of the codecs.
// stdin: {"class": "Memcache"|"Memcached", "port": n, "options": {"OPT_…": value}, "echo": [key, …]} or
//        {…, "write": count, "seed": n}.
// echo: gets each key, answers base64(serialize(value)), and sets what it got under KEY:back.
// write: makes `count` values from `seed`, sets them under w0, w1 …, answers base64(serialize(value)) of each.

ini_set('memory_limit', '512M');
$job = json_decode(stream_get_contents(STDIN), true);

if ($job['class'] === 'Memcache') {
    $pool = new Memcache();
    $pool->addServer('127.0.0.1', $job['port'], false);
} else {
    $pool = new Memcached();
    $pool->addServer('127.0.0.1', $job['port']);
    foreach ($job['options'] as $name => $value) {
        if (!$pool->setOption(constant("Memcached::$name"), $value)) {
            fail("setOption $name");
        }
    }
}

function fail(string $what): never
{
    fwrite(STDERR, "$what\n");
    exit(1);
}

function store($pool, string $key, $value): void
{
    if (!$pool->set($key, $value)) {
        fail("set $key" . ($pool instanceof Memcached ? ': ' . $pool->getResultMessage() : ''));
    }
}

/** Text of a length: words that compress, bytes that don't, or both. */
function longText(): string
{
    $length = [1999, 2000, 2001, 4000, 19999, 20000, 65535, 65536, 70000, 150000][mt_rand(0, 9)] + mt_rand(0, 3);
    $words = ['alpha', ' ', 'beta', "\n", 'ключ', '键', "\xff\x00", '0000000', '{"id":', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa'];
    $text = '';
    $kind = mt_rand(0, 3);
    while (strlen($text) < $length) {
        if ($kind === 0) {
            $text .= chr(mt_rand(0, 255));
        } elseif ($kind === 1 && mt_rand(0, 20) === 0) {
            $text .= substr($text, mt_rand(0, strlen($text)), mt_rand(1, 600));
        } elseif ($kind === 2 && mt_rand(0, 1) === 0) {
            $text .= chr(mt_rand(0, 255));
        } else {
            $text .= $words[mt_rand(0, count($words) - 1)];
        }
    }
    return substr($text, 0, $length);
}

function shortText(): string
{
    $samples = ['', '0', '7', '-3', '007', 'text', "l'été", '键', "a\"b;c:{}", "\xfe\xff", "\0*\0x", '😀', '__proto__', '-0'];
    return $samples[mt_rand(0, count($samples) - 1)] . (mt_rand(0, 2) === 0 ? (string) mt_rand() : '');
}

function anyFloat(): float
{
    switch (mt_rand(0, 5)) {
        case 0:
            return [0.0, -0.0, 1.0, 0.1, 1e15, 1e16, 1e17, 1e25, 1e-5, 0.0001, NAN, INF, -INF, 5e-324, 1.7976931348623157e308][mt_rand(0, 14)];
        case 1:
            return (float) mt_rand(-1000, 1000);
        case 2:
            return mt_rand() / 1000;
        case 3:
            // Ties of the 14 digits that class Memcache keeps.
            return mt_rand(1, 9) * 1e12 + mt_rand(0, 999999) * 1e6 + mt_rand(0, 99999) + 0.5;
        default:
            $bits = '';
            for ($i = 0; $i < 8; $i++) {
                $bits .= chr(mt_rand(0, 255));
            }
            return unpack('d', $bits)[1];
    }
}

/** Whatever class Memcached may hold; with $json only what JSON can say. */
function anyValue(int $depth, bool $json)
{
    switch (mt_rand(0, $depth > 4 ? 5 : 9)) {
        case 0:
            return null;
        case 1:
            return mt_rand(0, 1) === 1;
        case 2:
            return [0, 1, -1, 255, 65536, 9007199254740991, 9007199254740993, -9007199254740993, PHP_INT_MAX, PHP_INT_MIN][mt_rand(0, 9)];
        case 3:
            $float = anyFloat();
            // JSON has no NaN, and what it says of -0.0 is read as the int 0.
            return $json && (!is_finite($float) || $float == 0) ? 0.5 : $float;
        case 4:
        case 5:
            $text = shortText();
            return $json && !mb_is_utf8($text) ? 'text' : $text;
        case 6:
            $list = [];
            for ($i = mt_rand(0, 5); $i > 0; $i--) {
                $list[] = anyValue($depth + 1, $json);
            }
            return $list;
        case 7:
        case 8:
            $map = [];
            for ($i = mt_rand(0, 5); $i > 0; $i--) {
                $key = mt_rand(0, 2) === 0 ? mt_rand(-5, 1000) : shortText();
                $map[is_string($key) && $json && !mb_is_utf8($key) ? 'key' : $key] = anyValue($depth + 1, $json);
            }
            return $map;
        default:
            if ($json) {
                return ['x' => 1];
            }
            $object = new stdClass();
            for ($i = mt_rand(0, 4); $i > 0; $i--) {
                $object->{'p' . mt_rand(0, 99)} = anyValue($depth + 1, $json);
            }
            return mt_rand(0, 3) === 0 ? [$object, 'again' => $object] : $object;
    }
}

function mb_is_utf8(string $text): bool
{
    return preg_match('//u', $text) === 1;
}

$answers = [];
if (isset($job['echo'])) {
    foreach ($job['echo'] as $key) {
        $value = $pool->get($key);
        if ($pool instanceof Memcached && $pool->getResultCode() !== Memcached::RES_SUCCESS) {
            fail("get $key: " . $pool->getResultMessage());
        }
        $answers[] = base64_encode(serialize($value));
        store($pool, "$key:back", $value);
    }
} else {
    mt_srand($job['seed']);
    $json = ($job['options']['OPT_SERIALIZER'] ?? 1) > 2;
    for ($i = 0; $i < $job['write']; $i++) {
        $value = $i % 4 === 3 ? longText() : ($i % 4 === 0 ? anyFloat() : anyValue($i % 4 === 2 ? 0 : 1, $json));
        if ($i % 8 === 2) {
            $value = array_fill(0, mt_rand(100, 3000), $value);
            if (strlen(serialize($value)) > 500000) {
                $value = array_slice($value, 0, 20);
            }
        }
        store($pool, "w$i", $value);
        $answers[] = base64_encode(serialize($value));
    }
}
echo json_encode($answers);
