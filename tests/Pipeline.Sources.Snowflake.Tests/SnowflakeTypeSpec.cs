using System.Data.SqlTypes;
using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>Each documented type arrives in the lake's type with its value, and as null.</summary>
public sealed class SnowflakeTypeSpec
{
    [Theory]
    [InlineData("NUMBER(10,0)", "-1234567890", "int64", "-1234567890")]
    [InlineData("NUMBER(18,0)", "999999999999999999", "int64", "999999999999999999")]
    [InlineData("INTEGER", "12345678901234567890123456789012345678", "decimal(38, 0)", "12345678901234567890123456789012345678")]
    [InlineData("NUMBER(12,2)", "-1234567890.12", "decimal(12, 2)", "-1234567890.12")]
    [InlineData("NUMBER(38,10)", "0.0000000001", "decimal(38, 10)", "0.0000000001")]
    [InlineData("FLOAT", "'NaN'::DOUBLE", "double", "NaN")]
    [InlineData("FLOAT", "'-Infinity'::DOUBLE", "double", "-Infinity")]
    [InlineData("DOUBLE PRECISION", "1e300", "double", "1E+300")]
    [InlineData("VARCHAR(20)", "'it''s \"quoted\" — 🚀'", "utf8", "it's \"quoted\" — 🚀")]
    [InlineData("CHAR(3)", "''", "utf8", "")]
    [InlineData("BOOLEAN", "TRUE", "bool", "True")]
    [InlineData("BOOLEAN", "FALSE", "bool", "False")]
    [InlineData("DATE", "DATE '0001-01-01'", "date32", "0001-01-01")]
    [InlineData("DATE", "DATE '2024-02-29'", "date32", "2024-02-29")]
    [InlineData("TIME(6)", "TIME '23:59:59.999999'", "utf8", "23:59:59.999999")]
    [InlineData("TIMESTAMP_NTZ(6)", "TIMESTAMP '1969-12-31 23:59:58.5'", "timestamp(UTC)", "1969-12-31T23:59:58.500000")]
    [InlineData("TIMESTAMP_NTZ", "TIMESTAMP '9999-12-31 23:59:59.999999'", "timestamp(UTC)", "9999-12-31T23:59:59.999999")]
    [InlineData("TIMESTAMP_LTZ", "TIMESTAMPTZ '2024-06-01 12:00:00+02'", "timestamp(UTC)", "2024-06-01T10:00:00.000000")]
    [InlineData("TIMESTAMP_TZ", "TIMESTAMPTZ '2024-06-01 12:00:00.000001-05'", "timestamp(UTC)", "2024-06-01T17:00:00.000001")]
    [InlineData("BINARY", "'\\x00\\xFF\\x7F'::BLOB", "binary", "00FF7F")]
    [InlineData("VARIANT", "'{\"a\": [1, null]}'", "utf8", "{\"a\": [1, null]}")]
    [InlineData("OBJECT", "'{\"a\": 1}'", "utf8", "{\"a\": 1}")]
    [InlineData("ARRAY", "'[1, \"b\"]'", "utf8", "[1, \"b\"]")]
    public async Task Arrives(string type, string sql, string arrowType, string value)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token,
            createSql: $"CREATE TABLE ORDERS (NUMBER NUMBER(12,0), VALUE {type}, UPDATED_AT TIMESTAMP_TZ NOT NULL)");
        table.Server.Database.Execute($"INSERT INTO ORDERS VALUES (1, {sql}, now()), (2, NULL, now())");
        await using var source = table.Open();

        var schema = await source.DescribeAsync("orders", deadline.Token);
        await foreach (var chunk in source.ReadAsync([new SplitPosition(new SplitId("crm", "orders"), null)], deadline.Token))
        {
            using (chunk)
            {
                var column = chunk.Rows!.Column("value");
                Assert.Equal(arrowType, Describe(schema.GetFieldByName("value").DataType));
                Assert.Equal(arrowType, Describe(column.Data.DataType));
                Assert.Equal(value, Text(column, 0));
                Assert.True(column.IsNull(1));
                Assert.Null(chunk.DeadLetters);
            }

            break;
        }
    }

    private static string Describe(IArrowType type) => type switch
    {
        Decimal128Type number => $"decimal({number.Precision}, {number.Scale})",
        TimestampType { Unit: TimeUnit.Microsecond } timestamp => $"timestamp({timestamp.Timezone})",
        _ => type.Name,
    };

    private static string? Text(IArrowArray column, int row) => column switch
    {
        Int64Array numbers => numbers.GetValue(row)?.ToString(),
        Decimal128Array numbers => numbers.GetSqlDecimal(row) is { } number ? ((SqlDecimal)number).ToString() : null,
        DoubleArray numbers => numbers.GetValue(row)?.ToString(CultureInfo.InvariantCulture),
        StringArray texts => texts.GetString(row),
        BooleanArray flags => flags.GetValue(row)?.ToString(),
        Date32Array dates => dates.GetDateOnly(row)?.ToString("yyyy-MM-dd"),
        TimestampArray times => new DateTime(DateTime.UnixEpoch.Ticks + times.GetValue(row)!.Value * TimeSpan.TicksPerMicrosecond).ToString("yyyy-MM-ddTHH:mm:ss.ffffff"),
        BinaryArray bytes => Convert.ToHexString(bytes.GetBytes(row)),
        _ => throw new NotSupportedException(column.GetType().Name),
    };
}
