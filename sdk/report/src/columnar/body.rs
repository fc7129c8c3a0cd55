//! The columns of one collection.

use crate::{
    Flaw,
    input::Input,
    rows::Value,
    schema::{Collection, Field, Kind},
    varint::put,
};

/// What of the samples so far stands in one column.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    pub(super) numbers: Vec<u8>,
    pub(super) texts: Vec<u8>,
}

/// The runs of a collection that is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub(super) counts: Vec<u8>,
    pub(super) gone: Vec<u8>,
    pub(super) gaps: Vec<u8>,
    pub(super) set: Vec<u8>,
    pub(super) cleared: Vec<u8>,
    pub(super) given: Vec<u8>,
    pub(super) fields: Vec<Column>,
}

impl Columns {
    pub(super) fn of(shape: &Collection) -> Self {
        Self {
            fields: vec![Column::default(); shape.fields().len()],
            ..Self::default()
        }
    }

    fn parts(&self) -> [&Vec<u8>; 6] {
        [
            &self.counts,
            &self.gone,
            &self.gaps,
            &self.set,
            &self.cleared,
            &self.given,
        ]
    }

    /// Bytes in memory, nearly those of the body.
    pub(super) fn size(&self) -> usize {
        let fields = self
            .fields
            .iter()
            .map(|column| column.numbers.len() + column.texts.len());
        let parts = self.parts().map(Vec::len).into_iter();
        fields.chain(parts).sum()
    }

    pub(super) fn write(&self, shape: &Collection, out: &mut Vec<u8>) {
        for part in self.parts() {
            run(out, part);
        }
        for (field, column) in shape.fields().iter().zip(&self.fields) {
            run(out, &column.numbers);
            if field.kind() == Kind::Text {
                run(out, &column.texts);
            }
        }
    }
}

fn run(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A column that is read.
#[derive(Clone, Debug)]
pub(super) struct ColumnInput<'a> {
    pub(super) numbers: Input<'a>,
    pub(super) texts: Input<'a>,
    /// Texts so far.
    pub(super) known: Vec<&'a str>,
}

/// The runs of a collection that is read.
#[derive(Clone, Debug)]
pub(super) struct ColumnsInput<'a> {
    pub(super) counts: Input<'a>,
    pub(super) gone: Input<'a>,
    pub(super) gaps: Input<'a>,
    pub(super) set: Input<'a>,
    pub(super) cleared: Input<'a>,
    pub(super) given: Input<'a>,
    pub(super) fields: Vec<ColumnInput<'a>>,
}

impl<'a> ColumnsInput<'a> {
    pub(super) fn read(shape: &Collection, input: &mut Input<'a>) -> Result<Self, Flaw> {
        let mut part = || input.run().map(Input::new);
        let (counts, gone, gaps) = (part()?, part()?, part()?);
        let (set, cleared, given) = (part()?, part()?, part()?);
        let field = |field: &Field| {
            let numbers = part()?;
            let texts = match field.kind() {
                Kind::Text => part()?,
                _ => Input::new(&[]),
            };
            let known = Vec::new();
            Ok::<_, Flaw>(ColumnInput {
                numbers,
                texts,
                known,
            })
        };
        let fields = shape.fields().iter().map(field).collect::<Result<_, _>>()?;
        Ok(Self {
            counts,
            gone,
            gaps,
            set,
            cleared,
            given,
            fields,
        })
    }

    /// Everything must have been taken once the last sample was.
    pub(super) fn end(&self) -> Result<(), Flaw> {
        let parts = [
            &self.counts,
            &self.gone,
            &self.gaps,
            &self.set,
            &self.cleared,
            &self.given,
        ];
        parts.into_iter().try_for_each(Input::end)?;
        self.fields
            .iter()
            .try_for_each(|column| column.numbers.end().and(column.texts.end()))
    }
}

/// A number in units of its field's quantum, of which it is a multiple; none of what is no
/// number.
pub(super) fn units(value: Value<'_>, field: &Field) -> Option<u64> {
    let quantum = field.quantum().max(1);
    match value {
        Value::Text(_) | Value::Boolean(_) => None,
        Value::Unsigned(number) | Value::Timestamp(number) => Some(number / quantum),
        Value::Signed(number) => Some(match i64::try_from(quantum) {
            Ok(quantum) => (number / quantum) as u64,
            // Only 0 and the smallest number can be multiples of so large a quantum.
            Err(_) => (i128::from(number) / i128::from(quantum)) as u64,
        }),
    }
}
