// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev What validators sign, written down a second time: the types are those of EIP-712, spelled out here.
library Hashes {
    function batch(uint64 nonce, uint64 deadline, uint128 fee, bytes memory transfers) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("Batch(uint64 nonce,uint64 deadline,uint128 fee,bytes transfers)"),
                nonce,
                deadline,
                fee,
                keccak256(transfers)
            )
        );
    }

    function valset(uint64 nonce, uint64 createdAt, bytes32 hash) internal pure returns (bytes32) {
        bytes32 t = keccak256("Valset(uint64 nonce,uint64 createdAt,bytes32 setHash)");
        return keccak256(abi.encode(t, nonce, createdAt, hash));
    }

    function unpause(uint64 adminNonce, uint64 pauseNonce) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Unpause(uint64 adminNonce,uint64 pauseNonce)"), adminNonce, pauseNonce));
    }

    function setLimits(uint64 adminNonce, uint128 mintCapacity, uint16 shareBps) internal pure returns (bytes32) {
        bytes32 t = keccak256("SetLimits(uint64 adminNonce,uint128 mintCapacity,uint16 shareBps)");
        return keccak256(abi.encode(t, adminNonce, mintCapacity, shareBps));
    }

    function resolveQueue(uint64 adminNonce, uint64 queueId, bool release) internal pure returns (bytes32) {
        bytes32 t = keccak256("ResolveQueue(uint64 adminNonce,uint64 queueId,bool release)");
        return keccak256(abi.encode(t, adminNonce, queueId, release));
    }

    function setGuardian(uint64 adminNonce, address guardian) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("SetGuardian(uint64 adminNonce,address guardian)"), adminNonce, guardian));
    }

    function moveBridge(uint64 adminNonce, address bridge) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("MoveBridge(uint64 adminNonce,address bridge)"), adminNonce, bridge));
    }

    function pause(uint64 pauseNonce) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Pause(uint64 pauseNonce)"), pauseNonce));
    }

    function domain(uint256 chainId, address bridge, bytes32 salt) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
                ),
                keccak256("DIEM Bridge"),
                keccak256("1"),
                chainId,
                bridge,
                salt
            )
        );
    }

    function digest(bytes32 domain_, bytes32 structHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain_, structHash));
    }

    function setHash(bytes32 salt, uint64 nonce, uint64 createdAt, bytes memory packed)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(salt, nonce, createdAt, packed));
    }
}
