"""Structured clones, read: hex that real engines wrote next to its meaning, node as oracle, damage.

WRITTEN holds values that one page put into the IndexedDB of Chromium 156 (V8 16, Blink 21) and of Firefox ESR 153;
the hex is what then lay on disk, unwrapped and uncompressed.
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import struct
import subprocess
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pjais.formats.structured_clone import CloneError, Decoded, decode_chromium, decode_gecko, decode_v8, plain
from pjais.formats.structured_clone.v8 import _Reader
from pjais.js_values import (
    HOLE,
    UNDEFINED,
    BlobRef,
    JSArray,
    JSBigInt,
    JSBuffer,
    JSDate,
    JSError,
    JSMap,
    JSObjectOf,
    JSRegExp,
    JSSet,
    JSView,
)


@pytest.fixture(params=["plain values apart", "all in one way"], scope="module", autouse=True)
def both_readers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test reads V8's values as we do, and all of them by the reader that takes any value."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "all in one way":
            patch.setattr(plain, "OLDEST", math.inf)
        yield


NAN, INF = math.nan, math.inf
Decode = Callable[[bytes], Decoded]

WRITTEN: dict[str, tuple[Any, str, str]] = {
    # {id:'p1',name:'Zoë',n:-42,big:2147483648,ms:1795294380748.01,int:1795294380748,
    #  t:true,f:false,nul:null,und:undefined,half:0.5}
    "plain": (
        {
            "id": "p1",
            "name": "Zoë",
            "n": -42,
            "big": 2147483648,
            "ms": 1795294380748.01,
            "int": 1795294380748,
            "t": True,
            "f": False,
            "nul": None,
            "und": UNDEFINED,
            "half": 0.5,
        },
        (
            "ff15fe000000000000000000000000ff106f220269642202703122046e616d6522035a6feb22016e495322036269674e00000000"
            "0000e04122026d734e29c02c24fe1f7a422203696e744e00c02c24fe1f7a42220174542201664622036e756c302203756e645f22"
            "0468616c664e000000000000e03f7b0b"
        ),
        (
            "030000000000f1ff000000000800ffff020000800400ffff6964000000000000020000800400ffff703100000000000004000080"
            "0400ffff6e616d6500000000030000800400ffff5a6feb0000000000010000800400ffff6e00000000000000d6ffffff0300ffff"
            "030000800400ffff6269670000000000000000000000e041020000800400ffff6d7300000000000029c02c24fe1f7a4203000080"
            "0400ffff696e74000000000000c02c24fe1f7a42010000800400ffff7400000000000000010000000200ffff010000800400ffff"
            "6600000000000000000000000200ffff030000800400ffff6e756c0000000000000000000000ffff030000800400ffff756e6400"
            "00000000000000000100ffff040000800400ffff68616c6600000000000000000000e03f000000001300ffff"
        ),
    ),
    # the edges of every encoding
    "numbers": (
        [
            0,
            -0.0,
            1,
            -1,
            63,
            64,
            -64,
            -65,
            8191,
            8192,
            1073741823,
            1073741824,
            -1073741825,
            2147483647,
            -2147483648,
            4294967295,
            9007199254740991,
            9007199254740992.0,
            NAN,
            INF,
            -INF,
            0.1,
        ],
        (
            "ff15fe000000000000000000000000ff1041164e00000000000000004e00000000000000804e000000000000f03f4e0000000000"
            "00f0bf4e0000000000804f404e00000000000050404e00000000000050c04e00000000004050c04e0000000000ffbf404e000000"
            "000000c0404e000080ffffffcf414e000000000000d0414e000040000000d0c14e0000c0ffffffdf414e000000000000e0c14e00"
            "00e0ffffffef414effffffffffff3f434e00000000000040434e000000000000f87f4e000000000000f07f4e000000000000f0ff"
            "4e9a9999999999b93f240016"
        ),
        (
            "030000000000f1ff160000000700ffff000000000300ffff000000000300ffff010000000300ffff000000000000008002000000"
            "0300ffff010000000300ffff030000000300ffffffffffff0300ffff040000000300ffff3f0000000300ffff050000000300ffff"
            "400000000300ffff060000000300ffffc0ffffff0300ffff070000000300ffffbfffffff0300ffff080000000300ffffff1f0000"
            "0300ffff090000000300ffff002000000300ffff0a0000000300ffffffffff3f0300ffff0b0000000300ffff000000400300ffff"
            "0c0000000300ffffffffffbf0300ffff0d0000000300ffffffffff7f0300ffff0e0000000300ffff000000800300ffff0f000000"
            "0300ffff0000e0ffffffef41100000000300ffffffffffffffff3f43110000000300ffff0000000000004043120000000300ffff"
            "000000000000f87f130000000300ffff000000000000f07f140000000300ffff000000000000f0ff150000000300ffff9a999999"
            "9999b93f000000001300ffff"
        ),
    ),
    # '', é, ß, 日本, a日, 😀, lone surrogates, NUL, ÿ, Ā
    "strings": (
        ["", "\xe9", "\xdf", "\u65e5\u672c", "a\u65e5", "\U0001f600", "\ud800", "x\udc00y", "\x00", "\xff", "\u0100"],
        (
            "ff15fe000000000000000000000000ff10410b22002201e92201df006304e5652c6763046100e56563043dd800de630200d86306"
            "780000dc79002201002201ff6302000124000b"
        ),
        (
            "030000000000f1ff0b0000000700ffff000000000300ffff000000800400ffff010000000300ffff010000800400ffffe9000000"
            "00000000020000000300ffff010000800400ffffdf00000000000000030000000300ffff020000000400ffffe5652c6700000000"
            "040000000300ffff020000000400ffff6100e56500000000050000000300ffff020000000400ffff3dd800de0000000006000000"
            "0300ffff010000000400ffff00d8000000000000070000000300ffff030000000400ffff780000dc79000000080000000300ffff"
            "010000800400ffff0000000000000000090000000300ffff010000800400ffffff000000000000000a0000000300ffff01000000"
            "0400ffff0001000000000000000000001300ffff"
        ),
    ),
    # ['a',,undefined,'d']
    "hole": (
        ["a", HOLE, UNDEFINED, "d"],
        "ff15fe000000000000000000000000ff106104490022016149045f4906220164400304",
        (
            "030000000000f1ff040000000700ffff000000000300ffff010000800400ffff6100000000000000020000000300ffff00000000"
            "0100ffff030000000300ffff010000800400ffff6400000000000000000000001300ffff"
        ),
    ),
    # new Array('x','y','z').concat(['w'])
    "holey": (
        ["x", "y", "z", "w"],
        "ff15fe000000000000000000000000ff10410422017822017922017a220177240004",
        (
            "030000000000f1ff040000000700ffff000000000300ffff010000800400ffff7800000000000000010000000300ffff01000080"
            "0400ffff7900000000000000020000000300ffff010000800400ffff7a00000000000000030000000300ffff010000800400ffff"
            "7700000000000000000000001300ffff"
        ),
    ),
    # new Array(5)
    "newarr": (
        [HOLE, HOLE, HOLE, HOLE, HOLE],
        "ff15fe000000000000000000000000ff106105400005",
        "030000000000f1ff050000000700ffff000000001300ffff",
    ),
    # a=[1,2]; a.extra='x'
    "arrp": (
        JSArray(items=[1, 2], properties={"extra": "x"}),
        "ff15fe000000000000000000000000ff1041024902490422056578747261220178240102",
        (
            "030000000000f1ff020000000700ffff000000000300ffff010000000300ffff010000000300ffff020000000300ffff05000080"
            "0400ffff6578747261000000010000800400ffff7800000000000000000000001300ffff"
        ),
    ),
    # {5:'five','-1':'minus',4294967294:'max',4294967295:'over','é':1,'日':2,'':3}
    "keys": (
        {"5": "five", "4294967294": "max", "-1": "minus", "4294967295": "over", "é": 1, "日": 2, "": 3},
        (
            "ff15fe000000000000000000000000ff106f490a2204666976654e0000c0ffffffef4122036d617822022d3122056d696e757322"
            "0a3432393439363732393522046f7665722201e949026302e5654904220049067b07"
        ),
        (
            "030000000000f1ff000000000800ffff050000000300ffff040000800400ffff66697665000000000a0000800400ffff34323934"
            "393637323934000000000000030000800400ffff6d61780000000000020000800400ffff2d31000000000000050000800400ffff"
            "6d696e75730000000a0000800400ffff34323934393637323935000000000000040000800400ffff6f7665720000000001000080"
            "0400ffffe900000000000000010000000300ffff010000000400ffffe565000000000000020000000300ffff000000800400ffff"
            "030000000300ffff000000001300ffff"
        ),
    ),
    # [new Date(0),new Date(1795294380748),new Date(NaN),new Date(-1)]
    "dates": (
        [JSDate(0.0), JSDate(1795294380748.0), JSDate(NAN), JSDate(-1.0)],
        (
            "ff15fe000000000000000000000000ff1041044400000000000000004400c02c24fe1f7a4244000000000000f87f440000000000"
            "00f0bf240004"
        ),
        (
            "030000000000f1ff040000000700ffff000000000300ffff000000000500ffff0000000000000000010000000300ffff00000000"
            "0500ffff00c02c24fe1f7a42020000000300ffff000000000500ffff000000000000f87f030000000300ffff000000000500ffff"
            "000000000000f0bf000000001300ffff"
        ),
    ),
    # new Map([['a',1],[{k:1},[2]],[3,new Set([1,'b',new Map([[1,2]])])]])
    "map": (
        JSMap((("a", 1), ({"k": 1}, [2]), (3, JSSet((1, "b", JSMap(((1, 2),))))))),
        (
            "ff15fe000000000000000000000000ff103b22016149026f22016b49027b014101490424000149062749022201623b490249043a"
            "022c033a06"
        ),
        (
            "030000000000f1ff000000001100ffff010000800400ffff6100000000000000010000000300ffff000000000800ffff01000000"
            "0700ffff000000000300ffff020000000300ffff000000001300ffff010000800400ffff6b00000000000000010000000300ffff"
            "000000001300ffff030000000300ffff000000001200ffff010000000300ffff010000800400ffff620000000000000000000000"
            "1100ffff010000000300ffff020000000300ffff000000001300ffff000000001300ffff000000001300ffff"
        ),
    ),
    # new Set([new Map([['x',new Set()]]),new Map()])
    "setmap": (
        JSSet((JSMap((("x", JSSet(())),)), JSMap(()))),
        "ff15fe000000000000000000000000ff10273b220178272c003a023b3a002c02",
        (
            "030000000000f1ff000000001200ffff000000001100ffff010000800400ffff7800000000000000000000001200ffff00000000"
            "1300ffff000000001300ffff000000001100ffff000000001300ffff000000001300ffff"
        ),
    ),
    # [/a+é/gi,/x/]
    "regexp": (
        [JSRegExp(source="a+é", flags="gi"), JSRegExp(source="x", flags="")],
        "ff15fe000000000000000000000000ff104102522203612be9035222017800240002",
        (
            "030000000000f1ff020000000700ffff000000000300ffff030000000600ffff030000800400ffff612be9000000000001000000"
            "0300ffff000000000600ffff010000800400ffff7800000000000000000000001300ffff"
        ),
    ),
    # [0n,1n,-1n,123456789012345678901234567890n,-18446744073709551616n]
    "bigint": (
        [
            JSBigInt(0),
            JSBigInt(1),
            JSBigInt(-1),
            JSBigInt(123456789012345678901234567890),
            JSBigInt(-18446744073709551616),
        ],
        (
            "ff15fe000000000000000000000000ff1041055a005a1001000000000000005a1101000000000000005a20d20a3f4eeee073c3f6"
            "0fe98e010000005a2100000000000000000100000000000000240005"
        ),
        (
            "030000000000f1ff050000000700ffff000000000300ffff000000001d00ffff010000000300ffff010000001d00ffff01000000"
            "00000000020000000300ffff010000801d00ffff0100000000000000030000000300ffff020000001d00ffffd20a3f4eeee073c3"
            "f60fe98e01000000040000000300ffff020000801d00ffff00000000000000000100000000000000000000001300ffff"
        ),
    ),
    # [new Boolean(true),new Boolean(false),new Number(1.5),new String('é'),Object(7n)]
    "boxed": (
        [JSObjectOf(True), JSObjectOf(False), JSObjectOf(1.5), JSObjectOf("é"), JSObjectOf(JSBigInt(7))],
        "ff15fe000000000000000000000000ff10410579786e000000000000f83f732201e97a100700000000000000240005",
        (
            "030000000000f1ff050000000700ffff000000000300ffff010000000a00ffff010000000300ffff000000000a00ffff02000000"
            "0300ffff000000000c00ffff000000000000f83f030000000300ffff010000800b00ffffe900000000000000040000000300ffff"
            "010000001e00ffff0700000000000000000000001300ffff"
        ),
    ),
    # b=new ArrayBuffer(4,{maxByteLength:16}); [b,new Uint8Array(b)]
    "resz": (
        [
            JSBuffer(data=b"\x00\x00\x00\x00", max_length=16),
            JSView(
                kind="Uint8Array",
                buffer=JSBuffer(data=b"\x00\x00\x00\x00", max_length=16),
                offset=0,
                length=4,
                length_tracking=True,
            ),
        ],
        "ff15fe000000000000000000000000ff1041027e0410000000005e015642000003240002",
        (
            "030000000000f1ff020000000700ffff000000000300ffff000000002300ffff0400000000000000100000000000000000000000"
            "00000000010000000300ffff010000002000ffffffffffffffffffff010000000d00ffff0000000000000000000000001300ffff"
        ),
    ),
    # new Float16Array([1])
    "f16": (
        JSView(
            kind="Float16Array",
            buffer=JSBuffer(data=b"\x00<", max_length=None),
            offset=0,
            length=2,
            length_tracking=False,
        ),
        "ff15fe000000000000000000000000ff104202003c5668000200",
        (
            "030000000000f1ff0b0000002000ffff0100000000000000000000001f00ffff0200000000000000003c00000000000000000000"
            "00000000"
        ),
    ),
    # {b:new Blob(['hello'],{type:'text/plain'}),f:new File(['x'],'n.txt',{lastModified:5}),again:1}
    "blob": (
        {"b": BlobRef(0, "text/plain"), "f": BlobRef(1, "", "n.txt", 5), "again": 1},
        "ff15fe000000000000002900000007ff106f2201625c69002201665c65012205616761696e49027b03a0000000026965",
        (
            "030000000000f1ff000000000800ffff010000800400ffff6200000000000000000000000180ffff05000000000000000a000000"
            "00000000746578742f706c61696e000000000000010000800400ffff6600000000000000010000000580ffff0100000000000000"
            "0000000000000000050000000000000005000000000000006e2e747874000000050000800400ffff616761696e00000001000000"
            "0300ffff000000001300ffff"
        ),
    ),
    # [0.5,1,2.5,-0,3e20]
    "dbl": (
        [0.5, 1, 2.5, -0.0, 3e20],
        (
            "ff15fe000000000000000000000000ff1041054e000000000000e03f4e000000000000f03f4e00000000000004404e0000000000"
            "0000804e3029881a56433044240005"
        ),
        (
            "030000000000f1ff050000000700ffff000000000300ffff000000000000e03f010000000300ffff010000000300ffff02000000"
            "0300ffff0000000000000440030000000300ffff0000000000000080040000000300ffff3029881a56433044000000001300ffff"
        ),
    ),
    # {a:{b:{c:[[],{},[[1]]]}},z:1}
    "nested": (
        {"a": {"b": {"c": [[], {}, [[1]]]}}, "z": 1},
        (
            "ff15fe000000000000000000000000ff106f2201616f2201626f220163410341002400006f7b0041014101490224000124000124"
            "00037b017b0122017a49027b02"
        ),
        (
            "030000000000f1ff000000000800ffff010000800400ffff6100000000000000000000000800ffff010000800400ffff62000000"
            "00000000000000000800ffff010000800400ffff6300000000000000030000000700ffff000000000300ffff000000000700ffff"
            "000000001300ffff010000000300ffff000000000800ffff000000001300ffff020000000300ffff010000000700ffff00000000"
            "0300ffff010000000700ffff000000000300ffff010000000300ffff000000001300ffff000000001300ffff000000001300ffff"
            "000000001300ffff000000001300ffff010000800400ffff7a00000000000000010000000300ffff000000001300ffff"
        ),
    ),
    # undefined
    "undef": (UNDEFINED, "ff15fe000000000000000000000000ff105f", "030000000000f1ff000000000100ffff"),
    # null
    "nul": (None, "ff15fe000000000000000000000000ff1030", "030000000000f1ff000000000000ffff"),
    # 'top é'
    "str": (
        "top é",
        "ff15fe000000000000000000000000ff102205746f7020e9",
        "030000000000f1ff050000800400ffff746f7020e9000000",
    ),
}
CYC_CHROMIUM = "ff15fe000000000000000000000000ff106f22046e616d6522046c6f6f70220473656c665e007b02"
CYC_FIREFOX = (
    "030000000000f1ff000000000800ffff040000800400ffff6e616d6500000000040000800400ffff6c6f6f700000000004000080"
    "0400ffff73656c6600000000000000000d00ffff000000001300ffff"
)
MAPCYC_CHROMIUM = "ff15fe000000000000000000000000ff103b22026d656f22046261636b5e007b013a02"
MAPCYC_FIREFOX = (
    "030000000000f1ff000000001100ffff020000800400ffff6d65000000000000000000000800ffff040000800400ffff6261636b"
    "00000000000000000d00ffff000000001300ffff000000001300ffff"
)
SHARED_CHROMIUM = "ff15fe000000000000000000000000ff1041036f22017349027b015e0141015e01240001240003"
SHARED_FIREFOX = (
    "030000000000f1ff030000000700ffff000000000300ffff000000000800ffff010000800400ffff730000000000000001000000"
    "0300ffff000000001300ffff010000000300ffff010000000d00ffff020000000300ffff010000000700ffff000000000300ffff"
    "010000000d00ffff000000001300ffff000000001300ffff"
)
ERRSELF_CHROMIUM = (
    "ff15fe000000000000000000000000ff1072526d22017273225552616e67654572726f723a20720a20202020617420687474703a"
    "2f2f6c6f63616c686f73743a383733332f3a33333a32370a20202020617420687474703a2f2f6c6f63616c686f73743a38373333"
    "2f3a33333a36396341015e002400012e"
)
ERRSELF_FIREFOX = (
    "030000000000f1ff040000002200ffff010000800400ffff7200000000000000010000000200ffff160000800400ffff68747470"
    "3a2f2f6c6f63616c686f73743a383733332f0000210000000300ffff1b0000000300ffff010000000700ffff000000000000ffff"
    "1700ffff1600ffff000000000d80ffff1600000000000000687474703a2f2f6c6f63616c686f73743a383733332f000000000000"
    "15000000687474703a2f2f6c6f63616c686f73743a3837333300000009000000000000006c6f63616c686f737400000000000000"
    "000000000200ffff160000800400ffff687474703a2f2f6c6f63616c686f73743a383733332f0000210000000300ffff1b000000"
    "0300ffff020000800400ffff563c000000000000000000000000ffff1700ffff1600ffff000000000d80ffff1600000000000000"
    "687474703a2f2f6c6f63616c686f73743a383733332f00000000000015000000687474703a2f2f6c6f63616c686f73743a383733"
    "3300000009000000000000006c6f63616c686f737400000000000000000000000200ffff160000800400ffff687474703a2f2f6c"
    "6f63616c686f73743a383733332f0000210000000300ffff450000000300ffff000000000000ffff000000000000ffff00000000"
    "0000ffff000000001300ffff000000001300ffff000000000300ffff000000000d00ffff000000001300ffff000000001300ffff"
)


def chromium(text: str) -> Any:
    return decode_chromium(bytes.fromhex(text)).value


def gecko(text: str) -> Any:
    return decode_gecko(bytes.fromhex(text)).value


def v8(text: str) -> Any:
    """A value without its header, as node 20 writes it."""
    return decode_v8(b"\xff\x0f" + bytes.fromhex(text)).value


def same(one: Any, other: Any) -> bool:
    """Equal in value, type, order, sign of zero; NaN is equal to itself."""
    return repr(one) == repr(other)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_chromium_wrote(name: str) -> None:
    expected, written, _ = WRITTEN[name]
    if name == "blob":  # of which Chromium keeps all but the number in the record's list
        expected = {key: BlobRef(one.index) if isinstance(one, BlobRef) else one for key, one in expected.items()}
    assert same(chromium(written), expected)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_firefox_wrote(name: str) -> None:
    expected, _, written = WRITTEN[name]
    assert same(gecko(written), expected)


@pytest.mark.parametrize("value", [chromium(CYC_CHROMIUM), gecko(CYC_FIREFOX)], ids=["chromium", "firefox"])
def test_an_object_in_itself(value: Any) -> None:
    assert list(value) == ["name", "self"]
    assert value["self"] is value


@pytest.mark.parametrize("value", [chromium(MAPCYC_CHROMIUM), gecko(MAPCYC_FIREFOX)], ids=["chromium", "firefox"])
def test_a_map_in_an_object_in_itself(value: Any) -> None:
    """A Map is a tuple and made last: the reference to it is put in its place then."""
    [(key, inner)] = value.items
    assert key == "me"
    assert inner["back"] is value


@pytest.mark.parametrize("value", [chromium(SHARED_CHROMIUM), gecko(SHARED_FIREFOX)], ids=["chromium", "firefox"])
def test_a_shared_object_stays_one(value: Any) -> None:
    assert value[0] is value[1] is value[2][0]


@pytest.mark.parametrize("value", [chromium(ERRSELF_CHROMIUM), gecko(ERRSELF_FIREFOX)], ids=["chromium", "firefox"])
def test_an_error_that_is_its_own_cause(value: Any) -> None:
    assert isinstance(value, JSError)
    assert (value.name, value.message) == ("RangeError", "r")
    assert value.stack is not None
    assert ":33:27" in value.stack
    assert value.cause[0] is value


BY_HAND: dict[str, tuple[str, Any]] = {
    "zigzag -1 is not 0": ("4901", -1),
    "zigzag, the least": ("49ffffffff0f", -(2**31)),
    "zigzag, two bytes": ("498001", 64),
    "uint32": ("55ffffffff0f", 2**32 - 1),
    "whole double": ("4e000000000000e041", 2147483648),
    "minus zero": ("4e0000000000000080", -0.0),
    "zero as a double": ("4e0000000000000000", 0),
    "2^53 is not safe": ("4e0000000000004043", 2.0**53),
    "one byte is Latin-1": ("2202c3a9", "Ã©"),
    "UTF-8 of old versions": ("5302c3a9", "é"),
    "two bytes": ("6302e565", "日"),
    "padding before a tag": ("00006302e565", "日"),
    "lone surrogate": ("630200d8", "\ud800"),
    "object count, ignored": ("3f0154", True),
    "name of two bytes behind padding": ("6f00630265e530" + "7b01", {"\ue565": None}),
    "name as an index": ("6f490a547b01", {"5": True}),
    "name as a double": ("6f4e0000e0ffffffef41547b01", {"4294967295": True}),
    "end behind padding": ("6f220161540000" + "7b01", {"a": True}),
    "sparse, whole": ("6103490054490246490430400303", [True, False, None]),
    "sparse, a hole": ("6103490054490430400203", [True, HOLE, None]),
    "sparse, other order, index as text": ("61022201315449004640" + "0202", [False, True]),
    "sparse, none set": ("6105400005", [HOLE] * 5),
    "sparse, a property": ("610149005422016146400201", JSArray([True], {"a": False})),
    "sparse, not an index": ("610149005422023030464002" + "01", JSArray([True], {"00": False})),
    "dense, a hole, undefined": ("41032d5f54240003", [HOLE, UNDEFINED, True]),
    "dense, doubles": ("4104" + "4e000000000000f03f" * 3 + "4e000000000000e03f" + "240004", [1, 1, 1, 0.5]),
    "set of a map": ("273b540030" + "3a022c01", JSSet((JSMap(((True, None),)),))),
    "regexp": ("52220161" + "8302", JSRegExp("a", "giv")),
    "date": ("44000000000000f87f", JSDate(NAN)),
    "bigint": ("5a110102030405060708", JSBigInt(-0x0807060504030201)),
    "buffer without a view": ("42020102", JSBuffer(b"\1\2")),
    "view": ("420201025642010100", JSView("Uint8Array", JSBuffer(b"\1\2"), 1, 1)),
    "immutable buffer": ("43020102", JSBuffer(b"\1\2")),
    "node's Buffer": ("5c0a020102", JSView("Buffer", JSBuffer(b"\1\2"), 0, 2)),
    "error without a message": ("722e", JSError("Error")),
    "error, its cause undefined": ("72635f2e", JSError("Error", cause=UNDEFINED)),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name: str) -> None:
    written, expected = BY_HAND[name]
    assert same(v8(written), expected)


def test_views_on_one_buffer_share_it() -> None:
    first, second, buffer = v8("4103" + "42020102" + "5642000200" + "5e01" + "5642010100" + "5e01" + "240003")
    assert first.buffer is second.buffer is buffer
    assert (first.data, second.data) == (b"\1\2", b"\2")


def test_old_versions() -> None:
    """9: undefined in an array may be a hole; 11: a RegExp's text has no tag; 12: Blobs no escape; 13: no flags."""
    assert decode_chromium(bytes.fromhex("ff0941025f54240002")).value == [HOLE, True]
    assert decode_chromium(bytes.fromhex("ff0b520161" + "01")).value == JSRegExp("a", "g")
    assert decode_chromium(bytes.fromhex("ff0c6902")).value == BlobRef(2)
    view = JSView("Uint8Array", JSBuffer(b"\1"), 0, 1)
    assert decode_chromium(bytes.fromhex("ff0d4101420101564200" + "01240001")).value == [view]
    assert decode_chromium(bytes.fromhex("ff0d410142010156420001" + "00240001")).value == [view]  # some 13 have flags
    assert decode_chromium(bytes.fromhex("ff11ff0d220161")).value == "a"
    assert decode_chromium(bytes.fromhex("ff14ff0f22016100")).value == "a"


def test_file_list_and_its_number() -> None:
    """Host objects count among the objects that back-references number."""
    value = chromium("ff14ff0f4103" + "5c4c020001" + "5e01" + "6f7b00" + "240003")
    assert value == [[BlobRef(0), BlobRef(1)], [BlobRef(0), BlobRef(1)], {}]
    assert value[0] is value[1]


DAMAGED: dict[str, str] = {
    "empty": "",
    "no header": "6f7b00",
    "version 17": "ff1154",
    "version 0": "ff0054",
    "no value": "ff0f",
    "only padding": "ff0f0000",
    "unknown tag": "ff0f01",
    "string longer than the data": "ff0f220561",
    "string of an odd length": "ff0f630161",
    "number without an end": "ff0f49ffffffffffffffffffffff01",
    "33 bits": "ff0f55ffffffff1f",
    "double cut": "ff0f4e000000",
    "no end of the object": "ff0f6f22016154",
    "no value of a name": "ff0f6f220161",
    "wrong count": "ff0f6f220161547b02",
    "one name twice": "ff0f6f22016154220161547b02",
    "wrong length": "ff0f410154240002",
    "reference to nothing": "ff0f5e00",
    "reference to what follows": "ff0f41025e016f7b00240002",
    "hole in an object": "ff0f6f2201612d7b01",
    "map with a key only": "ff0f3b543a01",
    "map in itself": "ff0f3b545e003a02",
    "set in itself": "ff0f275e002c01",
    "array with properties in itself": "ff0f41015e0022016154240101",
    "view beyond its buffer": "ff0f4201015642000200",
    "view in the middle of an element": "ff0f420200005777010100",
    "view of an unknown kind": "ff0f4201015601000100",
    "resizable beyond its most": "ff0f7e0201",
    "something behind the value": "ff0f5454",
    "name that is an object": "ff0f6f6f7b00547b01",
    "name with a fraction": "ff0f6f4e000000000000e03f547b01",
    "error with an unknown part": "ff0f7221",
    "shared buffer": "ff0f7500",
    "node's host object 99": "ff0f5c63",
    "invalid UTF-8": "ff0f5301ff",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_said(name: str) -> None:
    with pytest.raises(CloneError, match="byte"):
        decode_v8(bytes.fromhex(DAMAGED[name]))


@pytest.mark.parametrize(
    "written",
    [
        "ff14",
        "ff14ff11" + "54",
        "ff14" + "54",
        "ff15fe00000000",
        "ff15fe" + "00000000000000ff" + "00000001" + "ff0f54a0",
        "ff15fe" + "0000000000000012" + "00000002" + "ff0f2201612202",
        "ff14ff0f5c78",
        "ff14ff0f5c01",
        "ff14ff0f69",
    ],
)
def test_damaged_envelopes(written: str) -> None:
    with pytest.raises(CloneError, match="byte"):
        chromium(written)


HEADER = "030000000000f1ff"
GECKO_DAMAGED: dict[str, str] = {
    "empty": "",
    "half a word": HEADER[:8],
    "header only": HEADER,
    "end without a beginning": HEADER + "000000001300ffff",
    "something behind": HEADER + "000000000000ffff" * 2,
    "string cut": HEADER + "0a0000800400ffff" + "61" * 8,
    "string in memory": HEADER + "010000c00400ffff" + "61" * 8,
    "huge string": HEADER + "ffffff3f0400ffff",
    "huge array": HEADER + "ffffffff0700ffff",
    "element beyond the array": HEADER + "010000000700ffff" + "010000000300ffff" + "000000000000ffff",
    "reference to nothing": HEADER + "050000000d00ffff",
    "name that is true": HEADER + "000000000800ffff" + "010000000200ffff" + "000000000000ffff",
    "name that is an object": HEADER + "000000000800ffff" * 2,
    "map in itself": HEADER + "000000001100ffff" + "010000000300ffff" + "000000000d00ffff" + "000000001300ffff",
    "map with a key only": HEADER + "000000001100ffff" + "010000000300ffff" + "000000001300ffff",
    "unknown": HEADER + "0000000034120fff".replace("0fff", "ffff"),
    "view without a buffer": HEADER + "010000002000ffff" + "0100000000000000" + "000000000500ffff" + "00" * 16,
    "view of an unknown kind": HEADER + "630000002000ffff" + "0100000000000000" + "00" * 8,
    "huge buffer": HEADER + "000000001f00ffff" + "ffffffffffffffff",
    "transferred": HEADER + "000000000002ffff",
    "error cut": HEADER + "000000002200ffff" + "000000000000ffff" + "000000001300ffff",
}


@pytest.mark.parametrize("name", GECKO_DAMAGED)
def test_damage_is_said_of_firefox(name: str) -> None:
    with pytest.raises(CloneError, match=r"byte|words"):
        gecko(GECKO_DAMAGED[name])


def test_gecko_by_hand() -> None:
    assert gecko(HEADER + "d6ffffff0300ffff") == -42
    assert gecko("d6ffffff0300ffff") == -42  # before there was a header
    assert same(gecko(HEADER + "0000000000000080"), -0.0)
    # objects ended with a null once
    assert gecko(
        "000000000800ffff" + "010000800400ffff" + "6100000000000000" + "d6ffffff0300ffff" + "000000000000ffff"
    ) == {"a": -42}
    view = gecko("030000001000ffff" + "0100000000000000" + "030000000900ffff" + "0102030000000000" + "00" * 8)
    assert view == JSView("Uint8Array", JSBuffer(b"\1\2\3"), 0, 3)


@pytest.mark.parametrize(
    "claim",
    ["41ffffffff0f", "61ffffffff0f", "22ffffffff0f", "63feffffff0f", "5affffffff0f", "42ffffffff0f", "5c0affffffff0f"],
)
def test_a_claim_beyond_the_data_takes_no_memory(claim: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(CloneError):
            v8(claim)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_empty_arrays_cannot_fill_the_memory() -> None:
    """A million elements in ten bytes is possible in JavaScript; a thousand such arrays are an attack."""
    one = bytes.fromhex("61c0843d4000c0843d")
    assert len(decode_v8(b"\xff\x0f" + one).value) == 1_000_000
    with pytest.raises(CloneError, match="sensible"):
        decode_v8(b"\xff\x0fA\x7f" + one * 127 + b"$\0\x7f")


DEEP = 10_000
NESTED = {
    "arrays": (decode_v8, b"\xff\x0f" + b"A\1" * DEEP + b"0" + b"$\0\1" * DEEP),
    "sparse": (decode_v8, b"\xff\x0f" + b"a\1I\0" * DEEP + b"0" + b"@\1\1" * DEEP),
    "objects": (decode_v8, b"\xff\x0f" + b'o"\1a' * DEEP + b"0" + b"{\1" * DEEP),
    "maps": (decode_v8, b"\xff\x0f" + b";0" * DEEP + b"0" + b":\2" * DEEP),
    "sets": (decode_v8, b"\xff\x0f" + b"'" * DEEP + b"0" + b",\1" * DEEP),
    "errors": (decode_v8, b"\xff\x0f" + b"rc" * DEEP + b"0" + b"." * DEEP),
    "gecko sets": (decode_gecko, b"\0\0\0\0\x12\0\xff\xff" * DEEP + b"\0\0\0\0\x13\0\xff\xff" * DEEP),
    "gecko views": (decode_gecko, b"\1\0\0\0\x20\0\xff\xff" * DEEP),
    "gecko errors": (decode_gecko, b"\0\0\0\0\x22\0\xff\xff" * DEEP),
}


@pytest.mark.parametrize("name", NESTED)
def test_ten_thousand_deep(name: str) -> None:
    decode, data = NESTED[name]
    try:
        value = decode(data).value
    except CloneError:
        assert name in ("gecko views", "gecko errors")
        return
    depth = 0
    while isinstance(value, (list, dict, tuple)) and value:
        value = list(value.values() if isinstance(value, dict) else value)[-1]
        depth += 1
    assert depth >= DEEP


# Hypothesis writes values with the smallest of encoders and reads them back.


def varint(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def written_text(value: str, at: int) -> bytes:
    try:
        raw = value.encode("latin-1")
    except UnicodeEncodeError:
        raw = value.encode("utf-16-le", "surrogatepass")
        padding = b"\0" if (at + 1 + len(varint(len(raw)))) % 2 else b""
        return padding + b"c" + varint(len(raw)) + raw
    return b'"' + varint(len(raw)) + raw


def written(value: Any, at: int = 2, *, sparse: bool = False) -> bytes:
    """V8's bytes of a JSON-like value that begins at a place."""
    if value is None or value is UNDEFINED or isinstance(value, bool):
        return {None: b"0", UNDEFINED: b"_", True: b"T", False: b"F"}[value]
    if isinstance(value, str):
        return written_text(value, at)
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return b"I" + varint((value << 1 ^ value >> 31) & 0xFFFFFFFF)
    if isinstance(value, (int, float)):
        return b"N" + struct.pack("<d", value)
    array = isinstance(value, list)
    out = ((b"a" if sparse else b"A") + varint(len(value))) if array else b"o"
    for key, item in enumerate(value) if array else value.items():
        if not array or sparse:
            out += written(key, at + len(out))
        out += written(item, at + len(out), sparse=sparse)
    if array:
        return out + (b"@" + varint(len(value)) if sparse else b"$\0") + varint(len(value))
    return out + b"{" + varint(len(value))


def words(value: Any) -> bytes:
    """Gecko's bytes of a text or a number."""
    if isinstance(value, str):
        raw = value.encode("utf-16-le", "surrogatepass")
        return struct.pack("<II", len(raw) // 2, 0xFFFF0004) + raw + bytes(-len(raw) % 8)
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return struct.pack("<iI", value, 0xFFFF0003)
    return struct.pack("<d", value if value == value else NAN)  # other NaNs would be tags


numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats().filter(
    lambda x: math.copysign(1, x) < 0 if not x else not x.is_integer() or abs(x) >= 2**53
)
texts = st.text(st.characters(exclude_categories=())).map(
    lambda text: text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
)
values = st.recursive(
    st.none() | st.booleans() | st.just(UNDEFINED) | numbers | texts,
    lambda inner: st.lists(inner) | st.lists(numbers, min_size=4) | st.dictionaries(texts, inner),
    max_leaves=30,
)


@given(values, st.booleans())
def test_any_value_comes_back(value: Any, sparse: bool) -> None:
    assert same(decode_v8(b"\xff\x0f" + written(value, sparse=sparse)).value, value)


@given(st.lists(st.floats(), min_size=1, max_size=9000 // 8), st.booleans())
def test_any_embedding_comes_back(floats: list[float], sparse: bool) -> None:
    """All doubles, as V8 keeps them in an array of doubles: also the whole ones."""
    one_by_one = [decode_v8(b"\xff\x0fN" + struct.pack("<d", x)).value for x in floats]
    body = b"".join((written(index) if sparse else b"") + b"N" + struct.pack("<d", x) for index, x in enumerate(floats))
    size = varint(len(floats))
    data = b"a" + size + body + b"@" + size + size if sparse else b"A" + size + body + b"$\0" + size
    assert same(decode_v8(b"\xff\x0f" + data).value, one_by_one)


def test_a_long_embedding() -> None:
    floats = [index + 0.5 for index in range(10_000)]
    for sparse in (False, True):
        assert decode_v8(b"\xff\x0f" + written(floats, sparse=sparse)).value == floats


@given(numbers | texts)
def test_any_number_and_text_comes_back_from_gecko(value: Any) -> None:
    assert same(decode_gecko(words(value)).value, value)


# Damage.

SAMPLES: list[tuple[Decode, bytes]] = [
    (decode, bytes.fromhex(row[column]))
    for row in WRITTEN.values()
    for decode, column in ((decode_chromium, 1), (decode_gecko, 2))
] + [
    (decode_chromium, bytes.fromhex(CYC_CHROMIUM)),
    (decode_chromium, bytes.fromhex(MAPCYC_CHROMIUM)),
    (decode_chromium, bytes.fromhex(ERRSELF_CHROMIUM)),
    (decode_gecko, bytes.fromhex(CYC_FIREFOX)),
    (decode_gecko, bytes.fromhex(MAPCYC_FIREFOX)),
    (decode_gecko, bytes.fromhex(ERRSELF_FIREFOX)),
]


def test_every_truncation_is_an_error() -> None:
    for decode, data in SAMPLES:
        for end in range(len(data)):
            try:
                value = decode(data[:end]).value
            except CloneError:
                continue
            # A view stands behind its buffer, so the buffer alone is whole, too.
            assert isinstance(value, JSBuffer), data[:end].hex()


def damaged(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(out)) if out else 0
        match chance.randrange(5):
            case 0:
                out[at : at + 1] = bytes([(out[at] if out else 0) ^ 1 << chance.randrange(8)])
            case 1:
                out[at : at + 1] = bytes([chance.choice(b"\xff\x00\x7f\x80oAa@${};:',^cINr\\V\"")])
            case 2:
                del out[at : at + chance.choice((1, 2, 8))]
            case 3:
                out[at:at] = out[at : at + chance.choice((1, 8, 16))]
            case _:
                out[at:at] = chance.randbytes(chance.choice((1, 8)))
    return bytes(out)


def test_damage_gives_a_value_or_a_clone_error() -> None:
    chance = random.Random(20261121)
    errors = 0
    for _ in range(400):
        for decode, data in SAMPLES:
            try:
                decode(damaged(data, chance))
            except CloneError:
                errors += 1
    assert errors > 10_000


def in_both_ways(data: bytes) -> tuple[Any, Any]:
    """What each of the two readers of V8's values says of one."""

    def told(read: Callable[[bytes, int], tuple[Any, int]]) -> Any:
        try:
            return read(data, 0)
        except (plain.NotPlain, CloneError):
            return None

    return told(plain.read), told(lambda data, pos: _Reader(data, 15, node=True, flags=True).read(pos))


@given(values, st.randoms(use_true_random=False), st.integers(0, 3))
def test_a_plain_value_is_the_same_from_both_readers(value: Any, chance: random.Random, times: int) -> None:
    """Damaged or not: what the one for plain values makes of any bytes, the other makes of them, too."""
    data = written(value)
    for _ in range(times):
        data = damaged(data, chance)
    quick, other = in_both_ways(data)
    assert quick is None or same(quick, other)
    assert times or other is not None


def test_what_is_not_plain_is_left_to_the_other_reader() -> None:
    """Many properties, a long name, a name of two-byte units, deep nesting, a hole, a Map."""
    deep: list[Any] = []
    for _ in range(150):
        deep = [deep]
    for value in ({str(n) + "x": n for n in range(200)}, {"k" * 200: 1}, {"日本": 1}, deep):
        quick, other = in_both_ways(written(value))
        assert quick is None and same(other[0], value)
    for data in (bytes.fromhex("4102 2d 4902 2400 02"), bytes.fromhex("3b 4902 4904 3a02")):
        quick, other = in_both_ways(data)
        assert quick is None and other is not None


def test_noise_gives_a_value_or_a_clone_error() -> None:
    chance = random.Random(20261122)
    for _ in range(5_000):
        noise = chance.randbytes(8 * chance.randint(0, 20))
        for decode in (decode_chromium, decode_v8, decode_gecko):
            for head in (b"", b"\xff\x0f", b"\xff\x15\xff\x10"):
                try:
                    decode(head + noise)
                except CloneError:
                    continue


# Node as oracle: it makes values, writes them and says itself what they are.

NODE = r"""
const v8 = require('node:v8');
let seed = 7;
const random = () => {
  seed = (seed + 0x6D2B79F5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const below = n => Math.floor(random() * n);
const pick = list => list[below(list.length)];
const text = () => Array.from({length: below(pick([3, 12, 200]))}, () => String.fromCharCode(
  pick([32 + below(90), 128 + below(128), below(256), 0x400 + below(0x100), below(65536), 0xd800 + below(2048)]),
)).join('');
const ascii = () => Array.from({length: below(12)}, () => String.fromCharCode(97 + below(26))).join('');
const number = () => pick([() => below(200) - 100, () => below(2 ** 32) - 2 ** 31, () => random(), () => -0, () => NaN,
  () => Infinity, () => below(2 ** 32), () => below(2 ** 53), () => -below(2 ** 53), () => 2 ** below(1000),
  () => -(2 ** 53), () => 1795294380748.01])();
const views = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array,
  Float64Array, BigInt64Array, BigUint64Array, DataView];
const made = [];
const value = depth => {
  if (depth > 0 && random() < 0.45) {
    const several = make => Array.from({length: below(pick([3, 8, 30]))}, make);
    const out = pick([
      () => several(() => value(depth - 1)), () => several(number), () => several(() => random()),
      () => {
        const a = new Array(below(20));
        for (let i = 0; i < a.length; i++) if (random() < 0.8) a[i] = value(depth - 1);
        return a;
      },
      () => { const a = new Array(384); for (let i = 0; i < 384; i++) a[i] = random(); return a; },
      () => { const a = several(() => value(depth - 1)); a[pick(['x', 'é', '-1'])] = value(depth - 1); return a; },
      () => Object.fromEntries(several(() => [pick([ascii, ascii, text, () => below(50)])(), value(depth - 1)])),
      () => Object.fromEntries(several(() => [ascii(), value(depth - 1)])),
      () => new Map(several(() => [value(depth - 1), value(depth - 1)])),
      () => new Set(several(() => value(depth - 1))),
    ])();
    made.push(out);
    return out;
  }
  return pick([number, number, text, ascii, ascii, () => true, () => false, () => null, () => undefined,
    () => BigInt.asIntN(pick([8, 64, 200]), BigInt(below(2 ** 40)) ** 7n * pick([1n, -1n])),
    () => new Date(pick([NaN, 0, below(2 ** 45), -below(2 ** 45)])),
    () => new RegExp(ascii() + 'é', pick(['', 'g', 'gimsuy', 'd', 'v'])),
    () => new Number(number()), () => new String(text()), () => new Boolean(random() < 0.5), () => Object(5n),
    () => new (pick(views))(new Uint8Array(64).map(() => below(256)).buffer, 8 * below(3), below(6)),
    () => made.length ? pick(made) : 0,
  ])();
};
const bits = x => { const b = Buffer.alloc(8); b.writeDoubleBE(x); return b.toString('hex'); };
const show = v => {
  if (v === undefined) return ['undefined'];
  if (v === null || typeof v === 'boolean') return v;
  if (typeof v === 'number') {
    return Number.isSafeInteger(v) && !Object.is(v, -0) ? ['int', String(v)] : ['float', bits(v)];
  }
  if (typeof v === 'string') return ['str', Buffer.from(v, 'utf16le').toString('hex')];
  if (typeof v === 'bigint') return ['big', String(v)];
  if (Array.isArray(v)) {
    const extra = Object.entries(v).filter(([k]) => !/^\d+$/.test(k)).map(([k, x]) => [show(k), show(x)]);
    return ['list', Array.from(v.keys(), i => i in v ? show(v[i]) : ['hole']), extra];
  }
  if (v instanceof Map) return ['map', [...v].map(([k, x]) => [show(k), show(x)])];
  if (v instanceof Set) return ['set', [...v].map(show)];
  if (v instanceof Date) return ['date', bits(v.getTime())];
  if (v instanceof RegExp) return ['regexp', show(v.source), v.flags];
  if (ArrayBuffer.isView(v)) {
    return ['view', v.constructor.name, Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString('hex')];
  }
  if ([Number, String, Boolean, BigInt].some(kind => v instanceof kind)) return ['object', show(v.valueOf())];
  return ['dict', Object.entries(v).map(([k, x]) => [show(k), show(x)])];
};
for (let i = 0; i < 1500; i++) {
  made.length = 0;
  const v = value(4);
  const plain = new v8.Serializer();
  plain.writeHeader();
  plain.writeValue(v);
  console.log(JSON.stringify([v8.serialize(v).toString('hex'), plain.releaseBuffer().toString('hex'), show(v)]));
}
"""


def bits(value: float) -> str:
    return struct.pack(">d", value).hex()


def show(value: Any) -> Any:
    """What NODE's function of the same name says."""
    match value:
        case None | bool():
            return value
        case int():
            return ["int", str(value)]
        case float():
            return ["float", bits(value)]
        case str():
            return ["str", value.encode("utf-16-le", "surrogatepass").hex()]
        case JSArray(items=items, properties=properties):
            return ["list", [show(item) for item in items], [[show(k), show(v)] for k, v in properties.items()]]
        case list():
            return ["list", [show(item) for item in value], []]
        case dict():
            return ["dict", [[show(k), show(v)] for k, v in value.items()]]
        case JSBigInt(value=inner):
            return ["big", str(inner)]
        case JSMap(items=items):
            return ["map", [[show(k), show(v)] for k, v in items]]
        case JSSet(items=items):
            return ["set", [show(item) for item in items]]
        case JSDate(ms=ms):
            return ["date", bits(ms)]
        case JSRegExp(source=source, flags=flags):
            return ["regexp", show(source), flags]
        case JSView(kind=kind):
            return ["view", kind, value.data.hex()]
        case JSObjectOf(value=inner):
            return ["object", show(inner)]
    assert value is UNDEFINED or value is HOLE
    return [repr(value)]


@pytest.mark.oracle
def test_node_agrees() -> None:
    node = shutil.which("node")
    if node is None:
        if os.environ.get("PJAIS_REQUIRE_ORACLES") == "1":
            pytest.fail("node is missing, and PJAIS_REQUIRE_ORACLES=1")
        pytest.skip("node is not installed: nothing to compare with")
    run = subprocess.run([node, "-e", NODE], capture_output=True, check=True, timeout=120)
    lines = run.stdout.decode().splitlines()
    assert len(lines) == 1500
    for line in lines:
        serialized, plain, expected = json.loads(line)
        assert show(decode_v8(bytes.fromhex(serialized)).value) == expected
        assert show(decode_v8(bytes.fromhex(plain)).value) == expected
