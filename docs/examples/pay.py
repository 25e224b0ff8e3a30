#!/usr/bin/env python3
"""Pays VVV with a key of either kind. It uses Python's standard library only.

    pay.py NODE ed25519|ethereum SECRET_FILE RECIPIENT AVVV

SECRET_FILE holds the 32-byte secret as 64 hex digits. The program was written from the two pages "Transactions" and
"The wire" of the book and from RFC 8032 (Ed25519), SEC 1 (ECDSA), and EIP-712 and EIP-55 (Ethereum); it is an example to
read, and slow: use a library for cryptography where secrets matter.
"""

import hashlib
import json
import sys
import urllib.request

# --- hashes ---------------------------------------------------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).digest()


def keccak256(data):
    """Keccak with the padding of Ethereum, which is older than that of SHA-3."""
    rate, mask = 136, (1 << 64) - 1
    state = [[0] * 5 for _ in range(5)]

    def rotate(value, by):
        return ((value << by) | (value >> (64 - by))) & mask if by else value

    def permute():
        constant = 1
        for _ in range(24):
            parity = [state[x][0] ^ state[x][1] ^ state[x][2] ^ state[x][3] ^ state[x][4] for x in range(5)]
            for x in range(5):
                change = parity[(x - 1) % 5] ^ rotate(parity[(x + 1) % 5], 1)
                for y in range(5):
                    state[x][y] ^= change
            x, y, lane = 1, 0, state[1][0]
            for step in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                lane, state[x][y] = state[x][y], rotate(lane, (step + 1) * (step + 2) // 2 % 64)
            for y in range(5):
                row = [state[x][y] for x in range(5)]
                for x in range(5):
                    state[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5] & mask)
            for bit in range(7):
                constant = ((constant << 1) ^ (0x71 if constant & 0x80 else 0)) & 0xFF
                if constant & 2:
                    state[0][0] ^= 1 << ((1 << bit) - 1)

    padded = bytearray(data) + b"\x01" + bytes(rate - 1 - len(data) % rate)
    padded[-1] |= 0x80
    for start in range(0, len(padded), rate):
        for lane in range(rate // 8):
            word = int.from_bytes(padded[start + 8 * lane : start + 8 * lane + 8], "little")
            state[lane % 5][lane // 5] ^= word
        permute()
    return b"".join(state[lane % 5][lane // 5].to_bytes(8, "little") for lane in range(4))


# --- Ed25519, RFC 8032 ----------------------------------------------------------------------------------------------

P25519 = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P25519) % P25519


def edwards_add(a, b):
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P25519
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P25519) % P25519
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P25519) % P25519
    return x, y


def edwards_multiply(scalar, point):
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = edwards_add(result, point)
        point, scalar = edwards_add(point, point), scalar >> 1
    return result


def edwards_base():
    y = 4 * pow(5, -1, P25519) % P25519
    square = (y * y - 1) * pow(D * y * y + 1, -1, P25519) % P25519
    x = pow(square, (P25519 + 3) // 8, P25519)
    if x * x % P25519 != square:
        x = x * pow(2, (P25519 - 1) // 4, P25519) % P25519
    return (x if x % 2 == 0 else P25519 - x), y


def edwards_encode(point):
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def ed25519_keys(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    scalar = scalar & ~7 & ((1 << 254) - 1) | 1 << 254
    return scalar, digest[32:], edwards_encode(edwards_multiply(scalar, edwards_base()))


def ed25519_sign(seed, message):
    scalar, prefix, public = ed25519_keys(seed)
    nonce = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % ORDER
    point = edwards_encode(edwards_multiply(nonce, edwards_base()))
    challenge = int.from_bytes(hashlib.sha512(point + public + message).digest(), "little") % ORDER
    return point + ((nonce + challenge * scalar) % ORDER).to_bytes(32, "little")


# --- secp256k1, SEC 1 and SEC 2 -------------------------------------------------------------------------------------

P256K1 = 2**256 - 2**32 - 977
N256K1 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G256K1 = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def curve_add(a, b):
    if a is None or b is None:
        return a or b
    (x1, y1), (x2, y2) = a, b
    if x1 == x2 and (y1 + y2) % P256K1 == 0:
        return None
    if a == b:
        slope = 3 * x1 * x1 * pow(2 * y1, -1, P256K1) % P256K1
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P256K1) % P256K1
    x = (slope * slope - x1 - x2) % P256K1
    return x, (slope * (x1 - x) - y1) % P256K1


def curve_multiply(scalar, point):
    result = None
    while scalar:
        if scalar & 1:
            result = curve_add(result, point)
        point, scalar = curve_add(point, point), scalar >> 1
    return result


def ethereum_sign(secret, digest):
    """r, s and v with the low s that the chain insists on. The nonce is a hash of secret and digest."""
    key = int.from_bytes(secret, "big")
    nonce = int.from_bytes(hashlib.sha512(b"nonce" + secret + digest).digest(), "big") % N256K1
    x, y = curve_multiply(nonce, G256K1)
    r = x % N256K1
    s = pow(nonce, -1, N256K1) * (int.from_bytes(digest, "big") + r * key) % N256K1
    v = 27 + (y & 1)
    if s > N256K1 // 2:
        s, v = N256K1 - s, 55 - v
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])


# --- addresses ------------------------------------------------------------------------------------------------------


def address_of(kind, secret):
    if kind == "ed25519":
        return sha256(b"diem-address/1" + ed25519_keys(secret)[2])[-20:]
    x, y = curve_multiply(int.from_bytes(secret, "big"), G256K1)
    return keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[-20:]


def checksummed(address):
    """The form of EIP-55."""
    digits, nibbles = address.hex(), keccak256(address.hex().encode()).hex()
    return "0x" + "".join(c.upper() if int(n, 16) >= 8 else c for c, n in zip(digits, nibbles))


# --- borsh ----------------------------------------------------------------------------------------------------------


def number(value, size):
    return value.to_bytes(size, "little")


def text(value):
    return number(len(value.encode()), 4) + value.encode()


def transfer(recipient, amount):
    """Module 1 (bank), message 0: to, denom (0 is VVV), amount."""
    return bytes([1, 0]) + recipient + bytes([0]) + number(amount, 16)


def transaction(fields, call):
    return (
        text(fields["chain_id"])
        + fields["genesis_hash"]
        + fields["sender"]
        + number(fields["nonce"], 8)
        + number(fields["expiry"], 8)
        + number(fields["gas_price"], 16)
        + number(fields["max_fee"], 16)
        + b"\x00"  # There is no fee payer beside the sender.
        + number(1, 4)
        + call
        + text(fields["memo"])
    )


# --- EIP-712 --------------------------------------------------------------------------------------------------------

CALL_TYPE = "Call(uint16 kind,string text,bytes data)"
TRANSACTION_TYPE = (
    "Transaction(string chainId,bytes32 genesisHash,address sender,uint64 nonce,uint64 expiry,uint128 gasPrice,"
    "uint128 maxFee,address feePayer,Call[] calls,string memo)"
) + CALL_TYPE


def word(value):
    return value.to_bytes(32, "big") if isinstance(value, int) else bytes(32 - len(value)) + value


def struct_hash(kind, words):
    return keccak256(keccak256(kind.encode()) + b"".join(words))


def typed_digest(fields, call, words_of_call):
    domain = struct_hash("EIP712Domain(string name,string version)", [keccak256(b"DIEM"), keccak256(b"1")])
    kind = int.from_bytes(call[:2], "big")
    calls = struct_hash(CALL_TYPE, [word(kind), keccak256(words_of_call.encode()), keccak256(call)])
    message = struct_hash(
        TRANSACTION_TYPE,
        [
            keccak256(fields["chain_id"].encode()),
            fields["genesis_hash"],
            word(fields["sender"]),
            word(fields["nonce"]),
            word(fields["expiry"]),
            word(fields["gas_price"]),
            word(fields["max_fee"]),
            word(0),
            keccak256(calls),
            keccak256(fields["memo"].encode()),
        ],
    )
    return keccak256(b"\x19\x01" + domain + message)


def shown(amount):
    """An amount as the text of a call has it: whole units without trailing zeros."""
    whole, rest = divmod(amount, 10**18)
    return str(whole) if rest == 0 else f"{whole}.{rest:018}".rstrip("0")


# --- the node -------------------------------------------------------------------------------------------------------


def ask(node, path, body=None):
    headers = {"Content-Type": "application/octet-stream"} if body is not None else {}
    request = urllib.request.Request(node + path, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def pay(node, kind, secret, recipient, amount):
    sender = address_of(kind, secret)
    status, params = ask(node, "/v1/status"), ask(node, "/v1/params")
    account = ask(node, f"/v1/accounts/0x{sender.hex()}")
    call = transfer(recipient, amount)
    fields = {
        "chain_id": status["chain_id"],
        "genesis_hash": bytes.fromhex(status["genesis_hash"]),
        "sender": sender,
        "nonce": int(account["next_nonce"]),
        "expiry": int(status["latest"]["height"]) + 100,
        "gas_price": int(params["gas"]["min_price"]["amount"]),
        "max_fee": 10**17,
        "memo": "paid by Python",
    }
    body = transaction(fields, call)
    if kind == "ed25519":
        message = b"diem-tx/1" + body
        signature = b"\x00" + ed25519_keys(secret)[2] + ed25519_sign(secret, message)
    else:
        words = f"Send {shown(amount)} VVV to {checksummed(recipient)}"
        signature = b"\x01" + ethereum_sign(secret, typed_digest(fields, call, words))
    envelope = b"\x00" + body + signature + b"\x00"
    answer = ask(node, "/v1/tx?wait=committed", envelope)
    if answer["state"] != "committed":
        sys.exit(f"not paid: {answer}")
    if answer["hash"] != sha256(envelope).hex():
        sys.exit("the node calls the transaction by another hash than its bytes have")
    return checksummed(sender), answer["hash"]


if __name__ == "__main__":
    if len(sys.argv) != 6 or sys.argv[2] not in ("ed25519", "ethereum"):
        sys.exit(__doc__)
    with open(sys.argv[3], encoding="ascii") as file:
        secret_bytes = bytes.fromhex(file.read().strip().removeprefix("0x"))
    sender_address, transaction_hash = pay(
        sys.argv[1].rstrip("/"), sys.argv[2], secret_bytes, bytes.fromhex(sys.argv[4].removeprefix("0x")), int(sys.argv[5])
    )
    print(f"{sender_address} paid in transaction {transaction_hash}")
