// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BridgeTest} from "./kit/BridgeTest.sol";
import {vm} from "./kit/Vm.sol";

interface ITokenDomain {
    function DOMAIN_SEPARATOR() external view returns (bytes32);
}

/// @dev What a validator does before it signs: it fills the immutables into the code of its own artifact and compares the
/// hash with the one that Base proves.
contract ArtifactsTest is BridgeTest {
    mapping(bytes32 name => bytes32) private values;

    function test_the_code_of_the_bridge_follows_from_the_artifact() public {
        set("salt", SALT);
        set("domainSeparator", bridge.domainSeparator());
        set("maxSetAge", bytes32(uint256(MAX_SET_AGE)));
        set("token", bytes32(uint256(uint160(address(token)))));
        set("_chainId", bytes32(BASE));
        vm.assertEq(keccak256(filled("DiemBridge", 5)), address(bridge).codehash, "code hash");
    }

    function test_the_code_of_the_token_follows_from_the_artifact() public {
        // A ShortString of OpenZeppelin has the length in the last byte.
        set("_name", bytes32("DIEM (native)") | bytes32(uint256(13)));
        set("_version", bytes32("1") | bytes32(uint256(1)));
        set("_hashedName", keccak256("DIEM (native)"));
        set("_hashedVersion", keccak256("1"));
        set("_cap", bytes32(CAP));
        set("_cachedThis", bytes32(uint256(uint160(address(token)))));
        set("_cachedChainId", bytes32(BASE));
        set("_cachedDomainSeparator", ITokenDomain(address(token)).DOMAIN_SEPARATOR());
        vm.assertEq(keccak256(filled("DiemToken", 8)), address(token).codehash, "code hash");
    }

    function set(string memory name, bytes32 value) private {
        values[keccak256(bytes(name))] = value;
    }

    /// @dev The runtime code with the value of each of its immutables at each of its places.
    function filled(string memory name, uint256 immutables) private view returns (bytes memory code) {
        string memory json = vm.readFile(string.concat("artifacts/", name, ".json"));
        code = vm.parseJsonBytes(json, ".deployedBytecode");
        uint256 count;
        for (; vm.keyExistsJson(json, path(count)); ++count) {
            bytes32 value = values[keccak256(bytes(vm.parseJsonString(json, string.concat(path(count), ".name"))))];
            uint256[] memory offsets = vm.parseJsonUintArray(json, string.concat(path(count), ".offsets"));
            for (uint256 i = 0; i < offsets.length; ++i) {
                for (uint256 j = 0; j < 32; ++j) {
                    code[offsets[i] + j] = value[j];
                }
            }
        }
        vm.assertEq(count, immutables, "every immutable is known here");
    }

    function path(uint256 i) private pure returns (string memory) {
        return string.concat(".immutables[", vm.toString(i), "]");
    }
}
