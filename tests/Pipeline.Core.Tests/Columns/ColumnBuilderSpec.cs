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
}
