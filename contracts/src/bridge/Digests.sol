// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What validators sign: EIP-712 struct hashes and their domain
library Digests {
    string internal constant NAME = "DIEM Bridge";
    string internal constant VERSION = "1";

    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)");
    bytes32 private constant BATCH = keccak256("Batch(uint64 nonce,uint64 deadline,uint128 fee,bytes transfers)");
    bytes32 private constant VALSET = keccak256("Valset(uint64 nonce,uint64 createdAt,bytes32 setHash)");
    bytes32 private constant UNPAUSE = keccak256("Unpause(uint64 adminNonce,uint64 pauseNonce)");
    bytes32 private constant SET_LIMITS =
        keccak256("SetLimits(uint64 adminNonce,uint128 mintCapacity,uint16 shareBps)");
    bytes32 private constant RESOLVE_QUEUE = keccak256("ResolveQueue(uint64 adminNonce,uint64 queueId,bool release)");
    bytes32 private constant SET_GUARDIAN = keccak256("SetGuardian(uint64 adminNonce,address guardian)");
    bytes32 private constant MOVE_BRIDGE = keccak256("MoveBridge(uint64 adminNonce,address bridge)");
    bytes32 private constant PAUSE = keccak256("Pause(uint64 pauseNonce)");

    function domain(bytes32 salt, address bridge) internal view returns (bytes32) {
        return
            keccak256(
                abi.encode(DOMAIN, keccak256(bytes(NAME)), keccak256(bytes(VERSION)), block.chainid, bridge, salt)
            );
    }

    function batch(uint64 nonce, uint64 deadline, uint128 fee, bytes calldata transfers)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(BATCH, nonce, deadline, fee, keccak256(transfers)));
    }

    function valset(uint64 nonce, uint64 createdAt, bytes32 setHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(VALSET, nonce, createdAt, setHash));
    }

    function unpause(uint64 adminNonce, uint64 pauseNonce) internal pure returns (bytes32) {
        return keccak256(abi.encode(UNPAUSE, adminNonce, pauseNonce));
    }

    function setLimits(uint64 adminNonce, uint128 mintCapacity, uint16 shareBps) internal pure returns (bytes32) {
        return keccak256(abi.encode(SET_LIMITS, adminNonce, mintCapacity, shareBps));
    }

    function resolveQueue(uint64 adminNonce, uint64 queueId, bool release) internal pure returns (bytes32) {
        return keccak256(abi.encode(RESOLVE_QUEUE, adminNonce, queueId, release));
    }

    function setGuardian(uint64 adminNonce, address guardian) internal pure returns (bytes32) {
        return keccak256(abi.encode(SET_GUARDIAN, adminNonce, guardian));
    }

    function moveBridge(uint64 adminNonce, address bridge) internal pure returns (bytes32) {
        return keccak256(abi.encode(MOVE_BRIDGE, adminNonce, bridge));
    }

    function pause(uint64 pauseNonce) internal pure returns (bytes32) {
        return keccak256(abi.encode(PAUSE, pauseNonce));
    }
}
