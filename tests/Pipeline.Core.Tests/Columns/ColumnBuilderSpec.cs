using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using Pipeline.Core.Columns;

namespace Pipeline.Core.Tests.Columns;

public sealed class ColumnBuilderSpec
{
    [Fact]
    public void A_fixed_column_holds_what_was_appended() =>
        Gen.Nullable(Gen.Long).Array[0, 3000].Sample(values =>
        {
            using var memory = new ColumnMemory();
            var column = new FixedColumn<long>(memory, Int64Type.Default, capacity: 4);

            foreach (var value in values)
                if (value is { } present) column.Append(present);
                else column.AppendNull();

            var array = (Int64Array)column.Build();
            Assert.Equal(values, Enumerable.Range(0, array.Length).Select(array.GetValue));
        }, iter: 200);

    [Fact]
    public void A_text_column_holds_what_was_appended() =>
        Gen.String.Null().Array[0, 500].Sample(values =>
        {
            using var memory = new ColumnMemory();
            var column = new BytesColumn(memory, StringType.Default, capacity: 2, bytesCapacity: 8);
            values = [.. values.Select(value => value is null ? null : System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(value)))];

            foreach (var value in values)
                if (value is { } present) column.Append(System.Text.Encoding.UTF8.GetBytes(present));
                else column.AppendNull();

            var array = (StringArray)column.Build();
            Assert.Equal(values, Enumerable.Range(0, array.Length).Select(i => array.GetString(i)));
        }, iter: 200);

    [Fact]
    public void A_boolean_column_holds_what_was_appended() =>
        Gen.Nullable(Gen.Bool).Array[0, 3000].Sample(values =>
        {
            using var memory = new ColumnMemory();
            var column = new BooleanColumn(memory, capacity: 8);

            foreach (var value in values)
                if (value is { } present) column.Append(present);
                else column.AppendNull();

            var array = (BooleanArray)column.Build();
            Assert.Equal(values, Enumerable.Range(0, array.Length).Select(array.GetValue));
        }, iter: 200);

    [Fact]
    public void A_value_appended_many_times_is_as_if_appended_one_by_one() =>
        Gen.Select(Gen.String[Gen.Char.AlphaNumeric, 0, 3].Null(), Gen.Int[0, 40]).Array[0, 50].Sample(runs =>
        {
            using var memory = new ColumnMemory();
            var texts = new BytesColumn(memory, StringType.Default, capacity: 2, bytesCapacity: 8);
            var numbers = new FixedColumn<int>(memory, Int32Type.Default, capacity: 2);

            foreach (var (text, times) in runs)
            {
                if (text is null) texts.AppendNull(times);
                else texts.Append(System.Text.Encoding.UTF8.GetBytes(text), times);
                if (text is not null) numbers.Append(text.Length, times);
                else
                    for (var i = 0; i < times; i++) numbers.AppendNull();
            }

            var (textArray, numberArray) = ((StringArray)texts.Build(), (Int32Array)numbers.Build());
            var expected = runs.SelectMany(run => Enumerable.Repeat(run.Item1, run.Item2)).ToList();
            Assert.Equal(expected, Enumerable.Range(0, textArray.Length).Select(i => textArray.GetString(i)));
            Assert.Equal(expected.Select(text => text?.Length), Enumerable.Range(0, numberArray.Length).Select(numberArray.GetValue));
            Assert.Equal(expected.Count(text => text is null), textArray.NullCount);
        }, iter: 200);

    [Fact]
    public void A_value_taken_back_leaves_no_trace() =>
        Gen.Select(Gen.String[Gen.Char.AlphaNumeric, 0, 9].Null(), Gen.Bool).Array[0, 500].Sample(steps =>
        {
            using var memory = new ColumnMemory();
            var texts = new BytesColumn(memory, StringType.Default, capacity: 2, bytesCapacity: 8);
            var numbers = new FixedColumn<int>(memory, Int32Type.Default, capacity: 2);
            var kept = new List<string?>();

            foreach (var (text, isTakenBack) in steps)
            {
                if (text is null)
                {
                    texts.AppendNull();
                    numbers.AppendNull();
                }
                else
                {
                    texts.Append(System.Text.Encoding.UTF8.GetBytes(text));
                    numbers.Append(text.Length);
                }

                if (!isTakenBack) kept.Add(text);
                else
                {
                    texts.RemoveLast();
                    numbers.RemoveLast();
                }
            }

            var textArray = (StringArray)texts.Build();
            var numberArray = (Int32Array)numbers.Build();
            Assert.Equal(kept, Enumerable.Range(0, textArray.Length).Select(i => textArray.GetString(i)));
            Assert.Equal(kept.Select(text => text?.Length), Enumerable.Range(0, numberArray.Length).Select(numberArray.GetValue));
            Assert.Equal(kept.Count(text => text is null), textArray.NullCount);
        }, iter: 200);
}
