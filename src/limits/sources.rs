//! Bounds of the sources that are asked: Modbus devices and the like.

/// Most `[modbus.<name>]` sections: more than a board has ports and networks. More are a fault.
pub const MODBUS_MAX: usize = 16;
/// Shortest `every` of a source, in milliseconds: five registers at 9,600 baud. Shorter is a fault.
pub const SOURCE_EVERY_MS_MIN: u64 = 100;
/// Longest `every` of a source, in milliseconds: a day.
pub const SOURCE_EVERY_MS_MAX: u64 = 24 * 60 * 60 * 1000;
/// `every` of a source where none is given, in milliseconds.
pub const SOURCE_EVERY_MS_DEFAULT: u64 = 5_000;
/// Shortest `answer_within`, in milliseconds: what a fast device on a fast line takes.
pub const SOURCE_ANSWER_MS_MIN: u64 = 10;
/// Longest `answer_within`, in milliseconds: a command waits so long behind a silent device.
pub const SOURCE_ANSWER_MS_MAX: u64 = 10_000;
/// `answer_within` where none is given, in milliseconds: what slow meters take.
pub const SOURCE_ANSWER_MS_DEFAULT: u64 = 1_000;
/// Longest wait for a connection to a source, its name looked up included, in milliseconds.
pub const SOURCE_CONNECT_MS_MAX: u64 = 5_000;
/// Most troubles of one source that are said within `FAULT_REPORT_INTERVAL_MS`; the log has all.
pub const SOURCE_TROUBLES_SAID_MAX: usize = 8;
/// Highest address of a Modbus device.
pub const MODBUS_STATION_MAX: u32 = 247;
/// A silent station is asked again after so many times `answer_within`: on a serial line it takes a
/// tenth of the others' time.
pub const MODBUS_SILENT_TIMES: u32 = 20;
/// TCP port of Modbus.
pub const MODBUS_PORT: u16 = 502;
/// `baud` of a Modbus line where none is given: what most devices are shipped with.
pub const MODBUS_BAUD_DEFAULT: u32 = 9_600;
/// Most registers that one question asks for: the protocol allows 125.
pub const MODBUS_REGISTERS_MAX: u16 = 120;
/// Most coils or inputs that one question asks for: the protocol allows 2,000.
pub const MODBUS_BITS_MAX: u16 = 1_000;
/// Most `[http.<name>]` sections: more than a place has such devices. More are a fault.
pub const HTTP_MAX: usize = 32;
/// Shortest `every` of a page, in milliseconds: servers in small devices take no more.
pub const HTTP_EVERY_MS_MIN: u64 = 1_000;
/// `every` of a page where none is given, in milliseconds.
pub const HTTP_EVERY_MS_DEFAULT: u64 = 60_000;
/// `answer_within` of a page where none is given, in milliseconds.
pub const HTTP_ANSWER_MS_DEFAULT: u64 = 10_000;
/// Longest `answer_within` of a page, in milliseconds: on a mobile line.
pub const HTTP_ANSWER_MS_MAX: u64 = 60_000;
/// First wait before a page that failed is asked for again, in milliseconds.
pub const HTTP_BACKOFF_MS_MIN: u64 = 1_000;
/// Longest such wait, in milliseconds, where `every` is not shorter.
pub const HTTP_BACKOFF_MS_MAX: u64 = 300_000;
/// Longest page, in bytes: a forecast of some days has 100 KB. A longer one is not read.
pub const HTTP_BODY_BYTES_MAX: usize = 1 << 20;
/// Most `[files.<name>]` sections: more than there are trees of devices. More are a fault.
pub const FILES_MAX: usize = 16;
/// `answer_within` of files where none is given, in milliseconds: a thermometer on 1-Wire takes
/// 750 to measure.
pub const FILES_ANSWER_MS_DEFAULT: u64 = 2_000;
/// Longest file that holds a value, in bytes: a page, which is what the kernel's have at most.
pub const FILE_BYTES_MAX: u64 = 4_096;
/// Most `[sparkplug.<name>]` sections: each has a connection of its own. More are a fault.
pub const SPARKPLUG_MAX: usize = 16;
/// `every` of a node where none is given, in milliseconds.
pub const SPARKPLUG_EVERY_MS_DEFAULT: u64 = 10_000;
/// Longest name of a group, a node, a device or a metric, in bytes.
pub const SPARKPLUG_NAME_BYTES_MAX: usize = 256;
/// Of a name that is said to people, in characters.
pub const SPARKPLUG_NAME_LETTERS_MAX: usize = 128;
/// Longest message of a node that is read, in bytes: a birth of ten thousand metrics has some
/// hundred thousand.
pub const SPARKPLUG_PAYLOAD_BYTES_MAX: usize = 1_000_000;
/// Least time between two requests to a node to tell everything again, in milliseconds; twice as
/// long after each that is not answered.
pub const SPARKPLUG_REBIRTH_MS_MIN: u64 = 5_000;
/// Longest time between them, in milliseconds.
pub const SPARKPLUG_REBIRTH_MS_MAX: u64 = 600_000;
/// So long the devices of a node that is born have to be born too, before what is known is acted
/// on, in milliseconds.
pub const SPARKPLUG_SETTLE_MS: u64 = 1_000;
/// So long a device has to be born again after a node that tells everything again, before it counts
/// as gone, in milliseconds: a node with many devices behind a slow line takes seconds.
pub const SPARKPLUG_UNBORN_MS: u64 = 5_000;
