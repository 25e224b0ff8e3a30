// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev The cheatcodes of Forge that read the vectors, and those by which a contract gets the state that they are about.
interface Cheats {
    function readFile(string calldata path) external view returns (string memory);
    function keyExistsJson(string calldata json, string calldata path) external view returns (bool);
    function parseJsonUint(string calldata json, string calldata path) external pure returns (uint256);
    function parseJsonBool(string calldata json, string calldata path) external pure returns (bool);
    function parseJsonBytes(string calldata json, string calldata path) external pure returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata path) external pure returns (bytes32);
    function parseJsonAddress(string calldata json, string calldata path) external pure returns (address);
    function parseJsonString(string calldata json, string calldata path) external pure returns (string memory);
    function toString(uint256 number) external pure returns (string memory);

    function getCode(string calldata artifact) external view returns (bytes memory);
    function chainId(uint256 id) external;
    function warp(uint256 timestamp) external;
    function etch(address account, bytes calldata code) external;
    function setNonceUnsafe(address account, uint64 nonce) external;
    function store(address account, bytes32 slot, bytes32 value) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function snapshotState() external returns (uint256);
    function revertToState(uint256 id) external returns (bool);
    function expectEmit(address emitter) external;

    function assertTrue(bool condition, string calldata what) external pure;
    function assertEq(uint256 left, uint256 right, string calldata what) external pure;
    function assertEq(address left, address right, string calldata what) external pure;
    function assertEq(bytes32 left, bytes32 right, string calldata what) external pure;
    function assertEq(bytes calldata left, bytes calldata right, string calldata what) external pure;
}

Cheats constant cheats = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @dev A file of vectors, or a part of one: `path` is where it begins.
struct Json {
    string text;
    string path;
}

/// @title Reading vectors
/// @dev What is not there fails the test.
library JsonLib {
    function open(string memory name) internal view returns (Json memory) {
        return Json(cheats.readFile(string.concat("vectors/", name, ".json")), "");
    }

    function get(Json memory self, string memory field) internal pure returns (Json memory) {
        return Json(self.text, string.concat(self.path, ".", field));
    }

    /// @dev The elements of a list, which is never empty.
    function list(Json memory self, string memory field) internal view returns (Json[] memory elements) {
        Json memory whole = get(self, field);
        uint256 count;
        while (cheats.keyExistsJson(self.text, element(whole, count).path)) ++count;
        cheats.assertTrue(count != 0, string.concat(whole.path, " is empty"));
        elements = new Json[](count);
        for (uint256 i = 0; i < count; ++i) {
            elements[i] = element(whole, i);
        }
    }

    function element(Json memory self, uint256 i) private pure returns (Json memory) {
        return Json(self.text, string.concat(self.path, "[", cheats.toString(i), "]"));
    }

    function number(Json memory self, string memory field) internal pure returns (uint256) {
        return cheats.parseJsonUint(self.text, get(self, field).path);
    }

    function isTrue(Json memory self, string memory field) internal pure returns (bool) {
        return cheats.parseJsonBool(self.text, get(self, field).path);
    }

    function data(Json memory self, string memory field) internal pure returns (bytes memory) {
        return cheats.parseJsonBytes(self.text, get(self, field).path);
    }

    function word(Json memory self, string memory field) internal pure returns (bytes32) {
        return cheats.parseJsonBytes32(self.text, get(self, field).path);
    }

    function account(Json memory self, string memory field) internal pure returns (address) {
        return cheats.parseJsonAddress(self.text, get(self, field).path);
    }

    function str(Json memory self, string memory field) internal pure returns (string memory) {
        return cheats.parseJsonString(self.text, get(self, field).path);
    }

    // Numbers of the widths that the contract has.

    function u64(Json memory self, string memory field) internal pure returns (uint64) {
        return uint64(number(self, field));
    }

    function u128(Json memory self, string memory field) internal pure returns (uint128) {
        return uint128(number(self, field));
    }

    function u16(Json memory self, string memory field) internal pure returns (uint16) {
        return uint16(number(self, field));
    }
}
