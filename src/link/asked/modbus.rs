//! Modbus TCP and RTU: what sensors and actuators name, asked in as few questions as their places
//! allow. An answer is never taken for one to another question: whatever was late ends its
//! connection.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_modbus::client::{Client, Context};
use tokio_modbus::prelude::{Request, Response, Slave, SlaveContext, rtu, tcp};
use tokio_modbus::{Error, ExceptionCode};

use super::{Found, Source, Trouble, Who};
use crate::config::{Line, Modbus, ModbusTable, ModbusVia, Register};
use crate::limits::{
    MODBUS_BITS_MAX, MODBUS_REGISTERS_MAX, MODBUS_SILENT_TIMES, SOURCE_CONNECT_MS_MAX,
};
use crate::link::backoff::Pace;
use crate::link::serial::{self, LineEvent, LineHandle, Set, Setting};

/// Starts to ask the devices of a connection; `names` are those of their registers.
#[must_use]
pub fn spawn(
    line: u16,
    config: &Modbus,
    names: &[String],
    pace: Pace,
    events: mpsc::Sender<LineEvent>,
) -> LineHandle {
    let named = names.iter().map(|name| config.registers.get(name).copied());
    let registers: Vec<Option<Register>> = named.collect();
    let config = config.clone();
    let (said, every) = (Line::Modbus(config.clone()).said(), config.every);
    let (names, questions) = (names.to_vec(), Vec::new());
    let source = Devices { config, names, registers, questions, silent: Vec::new(), open: None };
    super::spawn(Who { line, said, every }, source, events, pace)
}

/// One question: so many places of a table from a first one, and whose they are.
#[derive(Clone, Debug, PartialEq)]
struct Question {
    station: u8,
    table: ModbusTable,
    first: u16,
    count: u16,
    /// Places of names, with their registers.
    whose: Vec<(usize, Register)>,
}

/// Values beside each other in one question. A gap is not asked for: a device may refuse it.
fn questions(registers: &[Option<Register>]) -> Vec<Question> {
    let mut sorted: Vec<(usize, Register)> = registers
        .iter()
        .enumerate()
        .filter_map(|(at, register)| Some((at, (*register)?)))
        .collect();
    sorted.sort_by_key(|(_, one)| (one.station, one.table, one.address));
    let mut questions: Vec<Question> = Vec::new();
    for (at, one) in sorted {
        let most = if one.table.is_bits() { MODBUS_BITS_MAX } else { MODBUS_REGISTERS_MAX };
        let end = u32::from(one.address) + u32::from(one.width());
        if let Some(last) = questions.last_mut() {
            let next = u32::from(last.first) + u32::from(last.count);
            let count = end.saturating_sub(u32::from(last.first));
            let here = last.station == one.station && last.table == one.table;
            if here && u32::from(one.address) <= next && count <= u32::from(most) {
                last.count = last.count.max(u16::try_from(count).unwrap_or(most));
                last.whose.push((at, one));
                continue;
            }
        }
        questions.push(alone(at, one));
    }
    questions
}

fn alone(at: usize, one: Register) -> Question {
    let Register { station, table, address, .. } = one;
    Question { station, table, first: address, count: one.width(), whose: vec![(at, one)] }
}

impl Question {
    fn request(&self) -> Request<'static> {
        let Self { first, count, .. } = *self;
        match self.table {
            ModbusTable::Coil => Request::ReadCoils(first, count),
            ModbusTable::Discrete => Request::ReadDiscreteInputs(first, count),
            ModbusTable::Holding => Request::ReadHoldingRegisters(first, count),
            ModbusTable::Input => Request::ReadInputRegisters(first, count),
        }
    }
}

/// Whether it says that a place is not there. One that is busy says so and has all its places.
fn not_there(exception: ExceptionCode) -> bool {
    matches!(exception, ExceptionCode::IllegalDataAddress | ExceptionCode::IllegalDataValue)
}

/// What a device answered.
#[derive(Debug)]
enum Answer {
    Bits(Vec<bool>),
    Words(Vec<u16>),
    Done,
}

struct Devices {
    config: Modbus,
    names: Vec<String>,
    /// By the place of their name.
    registers: Vec<Option<Register>>,
    questions: Vec<Question>,
    /// Stations that were silent, and until when they are not asked again.
    silent: Vec<(u8, Instant)>,
    open: Option<Context>,
}

impl Source for Devices {
    async fn open(&mut self) -> Result<(), String> {
        self.silent.clear();
        // It may be another device by now, or one that has its registers again.
        self.questions = questions(&self.registers);
        self.connected().await
    }

    fn close(&mut self) {
        if let Some(context) = self.open.take() {
            // A driver may wait for a device to take the rest of what was written.
            drop(tokio::task::spawn_blocking(move || drop(context)));
        }
    }

    fn begin(&mut self) {
        let now = Instant::now();
        self.silent.retain(|(_, until)| *until > now);
    }

    fn parts(&self) -> usize {
        self.questions.len()
    }

    async fn ask(&mut self, part: usize) -> Result<Vec<Found>, Trouble> {
        let Some(mut question) = self.questions.get(part).cloned() else { return Ok(Vec::new()) };
        let station = question.station;
        if self.silent.iter().any(|(one, _)| *one == station) {
            return Err(self.silence(station));
        }
        let mut answer = self.call(station, question.request()).await?;
        if answer.as_ref().is_err_and(|one| not_there(*one)) && question.whose.len() > 1 {
            // Not all of them may be there: from now on each is asked for by itself.
            let each: Vec<_> = question.whose.iter().map(|(at, one)| alone(*at, *one)).collect();
            question.clone_from(&each[0]);
            self.questions.splice(part..=part, each);
            answer = self.call(station, question.request()).await?;
        }
        match answer {
            Ok(answer) => question.found(&answer).ok_or_else(|| {
                Trouble::Broken(format!("station {station} answered with another count of values"))
            }),
            Err(exception) => {
                let which = question.whose.first().map(|(_, one)| one.to_string());
                Err(Trouble::Refused(format!("{}: {exception}", which.unwrap_or_default())))
            }
        }
    }

    async fn set(&mut self, set: &Set) -> Result<Found, Trouble> {
        let at = self.names.iter().position(|name| *name == set.name);
        let register = at.and_then(|at| Some((at, self.registers.get(at).copied()??)));
        let Some((at, register)) = register else {
            return Err(Trouble::Refused("no register has this name".into()));
        };
        let Some(request) = write(register, &set.setting) else {
            return Err(Trouble::Refused(format!("{:?} does not fit", set.setting)));
        };
        if let Err(exception) = self.call(register.station, request).await? {
            return Err(Trouble::Refused(exception.to_string()));
        }
        // What it has now is the proof; that it took the command is none.
        let question = alone(at, register);
        let value = match self.call(register.station, question.request()).await? {
            Ok(answer) => question.found(&answer).and_then(|mut all| all.pop()),
            Err(exception) => {
                Some((at, Err(format!("{register} cannot be read back: {exception}"))))
            }
        };
        value.ok_or_else(|| Trouble::Broken("an answer with no value in it".into()))
    }
}

impl Devices {
    async fn connected(&mut self) -> Result<(), String> {
        if self.open.is_none() {
            self.open = Some(connect(&self.config).await?);
        }
        Ok(())
    }

    /// It is left alone for a while: what it costs is taken from the others.
    fn leave(&mut self, station: u8) {
        let until = Instant::now() + self.config.answer_within * MODBUS_SILENT_TIMES;
        self.silent.retain(|(one, _)| *one != station);
        self.silent.push((station, until));
    }

    fn silence(&self, station: u8) -> Trouble {
        let within = self.config.answer_within;
        Trouble::Silent(format!("station {station} does not answer within {within:?}"))
    }

    /// Asks and waits for the answer, or for what the device says is wrong with the question.
    async fn call(
        &mut self,
        station: u8,
        request: Request<'static>,
    ) -> Result<Result<Answer, ExceptionCode>, Trouble> {
        self.connected().await.map_err(Trouble::Broken)?;
        let Some(context) = &mut self.open else {
            return Err(Trouble::Broken("not open".into()));
        };
        context.set_slave(Slave(station));
        let answer = match timeout(self.config.answer_within, context.call(request)).await {
            Err(_) => {
                // What comes late must not pass for the answer to the next question: frames on a
                // line have no number. A new connection begins without it.
                self.close();
                if matches!(self.config.via, ModbusVia::Rtu { .. }) {
                    sleep(self.config.answer_within).await;
                }
                self.leave(station);
                return Err(self.silence(station));
            }
            Ok(Err(error)) => {
                self.close();
                return Err(Trouble::Broken(match error {
                    Error::Transport(error) => format!("{error}"),
                    Error::Protocol(error) => format!("an answer to another question: {error}"),
                }));
            }
            Ok(Ok(answer)) => answer,
        };
        match answer {
            Ok(Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits)) => {
                Ok(Ok(Answer::Bits(bits)))
            }
            Ok(Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words)) => {
                Ok(Ok(Answer::Words(words)))
            }
            Ok(_) => Ok(Ok(Answer::Done)),
            // A gateway says so of a device behind it.
            Err(ExceptionCode::GatewayTargetDevice | ExceptionCode::GatewayPathUnavailable) => {
                self.leave(station);
                Err(Trouble::Silent(format!("station {station} does not answer its gateway")))
            }
            Err(exception) => Ok(Err(exception)),
        }
    }
}

impl Question {
    /// The values in an answer; `None`: it is no answer to this.
    fn found(&self, answer: &Answer) -> Option<Vec<Found>> {
        let bits_fit = self.table.is_bits();
        let value = |one: Register| {
            let from = usize::from(one.address.checked_sub(self.first)?);
            match answer {
                Answer::Bits(bits) if bits_fit && bits.len() >= usize::from(self.count) => {
                    Some(if *bits.get(from)? { "1" } else { "0" }.to_owned())
                }
                Answer::Words(words) if !bits_fit && words.len() == usize::from(self.count) => {
                    one.read(words.get(from..)?)
                }
                _ => None,
            }
        };
        self.whose.iter().map(|(at, one)| Some((*at, Ok(value(*one)?)))).collect()
    }
}

/// The question that sets a register; `None`: it cannot hold that.
fn write(register: Register, setting: &Setting) -> Option<Request<'static>> {
    let number = match setting {
        Setting::Switch(on, _) if register.table == ModbusTable::Coil => {
            return Some(Request::WriteSingleCoil(register.address, *on));
        }
        Setting::Switch(_, word) => word.parse().ok()?,
        Setting::Level(level, _) => *level,
        Setting::Word(_) => return None,
    };
    match *register.write(number)? {
        [word] => Some(Request::WriteSingleRegister(register.address, word)),
        ref words => Some(Request::WriteMultipleRegisters(register.address, words.to_vec().into())),
    }
}

async fn connect(config: &Modbus) -> Result<Context, String> {
    match &config.via {
        ModbusVia::Tcp { host, port } => {
            let most = Duration::from_millis(SOURCE_CONNECT_MS_MAX);
            let attempt = timeout(most, TcpStream::connect((host.as_str(), *port))).await;
            let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
            let stream = attempt.map_err(late).and_then(|attempt| {
                let stream = attempt?;
                stream.set_nodelay(true)?;
                Ok(stream)
            });
            let stream = stream.map_err(|error| format!("cannot reach {host}:{port}: {error}"))?;
            Ok(tcp::attach(stream))
        }
        ModbusVia::Rtu { device, baud, parity } => {
            let stream = serial::open(device, *baud, *parity).await?;
            Ok(rtu::attach(stream))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(text: &str) -> Option<Register> {
        Some(Register { station: 1, ..text.parse().unwrap() })
    }

    #[test]
    fn what_lies_beside_each_other_is_one_question() {
        let names = ["holding 7 f32", "holding 5", "input 6", "holding 6", "holding 10", "coil 3"];
        let asked = questions(&names.map(register));
        let said: Vec<_> = asked.iter().map(|one| (one.table, one.first, one.count)).collect();
        use ModbusTable::{Coil, Holding, Input};
        assert_eq!(said, [(Coil, 3, 1), (Holding, 5, 4), (Holding, 10, 1), (Input, 6, 1)]);
        let found = asked[1].found(&Answer::Words(vec![1, 2, 0x41AB, 0x3333])).unwrap();
        let ok = |at: usize, value: &str| (at, Ok(value.to_owned()));
        assert_eq!(found, [ok(1, "1"), ok(3, "2"), ok(0, "21.4")]);
        assert_eq!(asked[1].found(&Answer::Words(vec![1, 2, 3])), None, "one too few");
        assert_eq!(asked[1].found(&Answer::Words(vec![1; 5])), None, "one too many");
        assert_eq!(asked[1].found(&Answer::Bits(vec![true; 8])), None);
    }

    #[test]
    fn a_question_asks_for_no_more_than_a_device_allows() {
        let all: Vec<_> = (0..500).map(|n| register(&format!("holding {n}"))).collect();
        let asked = questions(&all);
        assert_eq!(asked.len(), 5);
        assert!(asked.iter().all(|one| one.count <= MODBUS_REGISTERS_MAX));
        assert_eq!(asked.iter().map(|one| one.whose.len()).sum::<usize>(), 500);
        let end = questions(&[register("holding 65535"), register("holding 65534")]);
        assert_eq!((end.len(), end[0].count), (1, 2));
    }
}
