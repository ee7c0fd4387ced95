using Apache.Arrow;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Silver;
using Pipeline.Transform.Tests.Dialects;
using Pipeline.Transform.Tests.Silver;

namespace Pipeline.Transform.Tests.DuckDb;

/// <summary>Columns that are made of what the source has.</summary>
public sealed class ColumnExpressionSpec
{
    private const string Payments = """
        payments {
          from = bronze/shop/payments
          columns {
            id         { type = long, value = "trim(id)" }
            email      { type = string, value = "lower(trim(\"E-Mail\"))" }
            amount     { type = "decimal(10,2)", value = "cents(amount_cents)" }
            paid_at    { type = timestamp, value = "epoch_ms(paid)" }
            due        { type = date, value = "date(due, 'dd.MM.yyyy', 'yyyy/MM/dd', 'yyyy-MM-dd')" }
            name       { type = string, value = "coalesce(nickname, trim(name), 'nobody')" }
            channel    { type = string, value = "'shop'" }
            version    { type = int, value = "2" }
          }
          key = [id]
        }
        """;

    private static readonly IReadOnlyList<Field> Columns = [new Field("E-Mail", Apache.Arrow.Types.StringType.Default, nullable: true),
        .. TestLake.BronzeColumns("id string", "amount_cents long", "paid string", "due string", "nickname string", "name string")];

    [Fact]
    public async Task A_column_is_what_its_expression_says_and_a_value_that_has_none_quarantines_its_row()
    {
        using var lake = new TestLake(TestGraph.Of(Payments));
        await lake.AppendAsync("bronze/shop/payments", Columns, """
            SELECT * FROM (VALUES
              (' Ann@X.ORG ', ' 1 ', 1999::BIGINT, '1772323200000', '01.03.2026', 'annie', 'Ann', 'c', 1),
              (NULL, '2', -5, '1772323200000.5', '2026/03/02', NULL, ' Bob ', 'c', 2),
              ('ÄB@x', '3', NULL, NULL, '2026-03-03', NULL, NULL, 'c', 3),
              (NULL, '4', 1, 'soon', NULL, NULL, NULL, 'c', 4),
              (NULL, '5', 1, NULL, '31.02.2026', NULL, NULL, 'c', 5),
              (NULL, '6', 1, NULL, '03-01-2026', NULL, NULL, 'c', 6),
              (NULL, 'x', 1, NULL, NULL, NULL, NULL, 'c', 7),
              (NULL, '8', 100000000000, NULL, NULL, NULL, NULL, 'c', 8)) AS v("E-Mail", id, amount_cents, paid, due, nickname, name, _op, _position)
            """);
        await lake.RunAllAsync();

        Assert.Equal(
        [
            "1|ann@x.org|19.99|1772323200000000|2026-03-01|annie|shop|2",
            "2||-0.05|1772323200000500|2026-03-02|Bob|shop|2",
            "3|Äb@x|||2026-03-03|nobody|shop|2",
        ], await lake.RowsAsync("SELECT id, email, amount, epoch_us(paid_at), CAST(due AS VARCHAR), name, channel, version FROM silver.payments ORDER BY id"));
        Assert.Equal(["4|type:paid_at", "5|type:due", "6|type:due", "8|type:amount", "x|type:id"], await lake.RowsAsync("SELECT id, _rules FROM silver.payments__quarantine ORDER BY id"));
    }

    [Fact]
    public async Task A_day_is_its_number_since_1970()
    {
        using var lake = new TestLake(TestGraph.Of("days { from = bronze/app/days, columns { id { type = long }, day { type = date, value = \"epoch_d(n)\" } }, key = [id] }"));
        await lake.AppendAsync("bronze/app/days", TestLake.BronzeColumns("id long", "n string"), """
            SELECT * FROM (VALUES (1, '0', 'c', 1), (2, '-1', 'c', 2), (3, '20513', 'c', 3), (4, '-719162', 'c', 4), (5, '2932896', 'c', 5), (6, '2932897', 'c', 6), (7, '1.5', 'c', 7), (8, NULL, 'c', 8), (9, '-719163', 'c', 9), (10, '9223372036854775807', 'c', 10))
              AS v(id, n, _op, _position)
            """);
        await lake.RunAllAsync();

        Assert.Equal(["1|1970-01-01", "2|1969-12-31", "3|2026-03-01", "4|0001-01-01", "5|9999-12-31", "8|"], await lake.RowsAsync("SELECT id, CAST(day AS VARCHAR) FROM silver.days ORDER BY id"));
        Assert.Equal(["10", "6", "7", "9"], await lake.RowsAsync("SELECT id FROM silver.days__quarantine WHERE _rules = 'type:day' ORDER BY id"));
    }

    [Fact]
    public async Task A_record_gives_its_members_by_name_and_by_path()
    {
        using var lake = new TestLake(TestGraph.Of("""
            events {
              from = bronze/events/events
              format = json
              columns {
                id { type = long }
                at { type = timestamp, value = "coalesce(epoch_s(created), created)" }
                user { type = string, value = "lower(coalesce(path('$.user.login'), path('$.user-name'), user_name))" }
                part { type = long, value = "_position" }
              }
              key = [id]
            }
            """));
        string[] values =
        [
            """{"id":1,"created":1772323200,"user":{"login":"Ann"}}""", """{"id":2,"created":"2026-03-01T12:30:00Z","user-name":"BOB"}""", """{"id":3,"created":"soon","user_name":"Cy"}""", """{"id":4,"user_name":"Di"}""",
        ];
        await lake.AppendAsync("bronze/events/events", TestLake.BronzeColumns("value string"), $"SELECT * FROM (VALUES {string.Join(", ", values.Select((value, i) => $"('{value}', 'c', {i})"))}) AS v(value, _op, _position)");
        await lake.RunAllAsync();

        // A number and a text of one field, as event logs have them.
        Assert.Equal(["1|1772323200000000|ann|0", "2|1772368200000000|bob|1", "4||di|3"], await lake.RowsAsync("SELECT id, epoch_us(\"at\"), \"user\", part FROM silver.events ORDER BY id"));
        Assert.Equal(["3|type:at"], await lake.RowsAsync("SELECT id, _rules FROM silver.events__quarantine"));
    }

    [Fact]
    public async Task A_time_without_a_zone_is_one_of_the_zone_that_its_column_names_whether_it_is_a_text_or_a_time()
    {
        using var lake = new TestLake(TestGraph.Of("""
            stays {
              from = bronze/app/stays
              columns { id { type = long }, begins { type = timestamp, value = "in_zone(begins, 'Europe/Berlin')" }, ends { type = timestamp, value = "in_zone(trim(ends), 'Europe/Berlin')" } }
              key = [id]
            }
            """));
        await lake.AppendAsync("bronze/app/stays", TestLake.BronzeColumns("id long", "begins timestamp", "ends string"), """
            SELECT * REPLACE (CAST(begins AS TIMESTAMPTZ) AS begins) FROM (VALUES
              (1, '2026-01-15 12:00:00+00', ' 2026-07-15 12:00:00 ', 'c', 1),
              (2, '2026-10-25 02:30:00+00', '2026-07-15T12:00:00Z', 'c', 2),
              (3, NULL, 'soon', 'c', 3)) AS v(id, begins, ends, _op, _position)
            """);
        await lake.RunAllAsync();

        Assert.Equal(["1|1768474800000000|1784109600000000", "2|1792888200000000|1784116800000000"], await lake.RowsAsync("SELECT id, epoch_us(begins), epoch_us(ends) FROM silver.stays ORDER BY id"));
        Assert.Equal(["3|type:ends"], await lake.RowsAsync("SELECT id, _rules FROM silver.stays__quarantine"));
    }

    [Fact]
    public void A_zone_that_no_engine_has_is_told_with_its_line()
    {
        var (_, problems) = TestGraph.Bind("users { from = bronze/app/users, columns { id { type = long }\nx { type = timestamp, value = \"in_zone(x, 'Europe/Berlim')\" } }, key = [id] }");

        Assert.Equal("test.conf:3: silver.users.columns.x.value: there is no zone 'Europe/Berlim'. Did you mean 'Europe/Berlin'?", Assert.Single(problems).ToString());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_change_that_carries_only_some_of_what_a_column_is_made_of_leaves_it_as_it_is_unless_it_decides_the_value(int runs)
    {
        using var lake = new TestLake(TestGraph.Of("""
            users {
              from = bronze/app/users
              columns { id { type = long }, a { type = string }, name { type = string, value = "coalesce(a, b)" }, low { type = string, value = "lower(coalesce(a, b))" }, kind { type = string, value = "'user'" } }
              key = [id]
            }
            """));
        var columns = TestLake.Declared(TestLake.BronzeColumns("id long", "a string", "b string", "_changed string", "_sequence long"), RowOrderSpec.Roles);
        string[] rows =
        [
            "1, 'a1', 'b1', NULL, 0, 'c', 1", "1, 'a2', NULL, 'id,a', 0, 'u', 2", "1, NULL, 'b3', 'id,b', 0, 'u', 3",
        ];
        foreach (var part in rows.Chunk(rows.Length / runs))
        {
            await lake.AppendAsync("bronze/app/users", columns, $"SELECT * REPLACE (CAST(a AS VARCHAR) AS a, CAST(b AS VARCHAR) AS b, CAST(_changed AS VARCHAR) AS _changed) FROM (VALUES {string.Join(", ", part.Select(row => $"({row})"))}) AS v(id, a, b, _changed, _sequence, _op, _position)");
            await lake.RunAllAsync();
        }

        // The first of both is what the change carries, whatever the second is; of the second alone nobody knows.
        Assert.Equal(["1|a2|a2|a1|user|3"], await lake.RowsAsync("SELECT id, a, name, low, kind, _position FROM silver.users"));
    }

    [Theory]
    [InlineData("trim(", "it ends where a name")]
    [InlineData("trim(name", "a ) is missing behind trim(…")]
    [InlineData("trim(name) || 'x'", "'||'x'' is left over")]
    [InlineData("trimm(name)", "there is no function trimm. Did you mean 'trim'?")]
    [InlineData("trim(a, b)", "trim takes one value")]
    [InlineData("coalesce(a)", "coalesce takes two values or more")]
    [InlineData("date(day)", "date takes a text and its forms")]
    [InlineData("date(day, 'yyyy-mm-dd')", "date takes a text and its forms")]
    [InlineData("in_zone(at)", "in_zone takes a time and the zone")]
    [InlineData("in_zone(at, 'CET')", "in_zone takes a time and the zone")]
    [InlineData("in_zone(at, zone)", "in_zone takes a time and the zone")]
    [InlineData("path('$.a')", "write path(COLUMN, '$.name.name')")]
    [InlineData("SELECT 1", "'1' is left over")]
    [InlineData("a + b", "'+b' is left over")]
    [InlineData("'open", "is not a name, a text in quotes or a number")]
    public void What_is_no_expression_is_told_with_its_line(string value, string fault)
    {
        var (_, problems) = TestGraph.Bind($"users {{ from = bronze/app/users, columns {{ id {{ type = long }}\nx {{ type = string, value = \"{value}\" }} }}, key = [id] }}");

        Assert.StartsWith("test.conf:3: silver.users.columns.x.value: is no expression: ", Assert.Single(problems).ToString(), StringComparison.Ordinal);
        Assert.Contains(fault, problems[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_expression_and_a_place_are_not_given_both()
    {
        var (_, problems) = TestGraph.Bind("users { from = bronze/app/users, columns { id { type = long, from = ID, value = \"1\" } }, key = [id] }");

        Assert.Contains("Write one of them", Assert.Single(problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_in_an_expression_is_compared_with_the_source()
    {
        var finding = Assert.Single(ContractFit.Of(TestGraph.Of("users { from = bronze/app/users, columns { id { type = long }, e { type = string, value = \"lower(emial)\" } }, key = [id] }").Silver[0],
            new Schema(TestLake.BronzeColumns("id long", "email string"), null)));

        Assert.False(finding.Ok);
        Assert.Contains("Correct value. Did you mean 'email'?", finding.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Spark_is_asked_in_its_own_words()
    {
        var sql = new SilverSql(TestGraph.Of(Payments).Silver[0], new Schema(Columns, null), SqlDialect.Spark).Checked;

        Assert.Contains("timestamp_micros(", sql, StringComparison.Ordinal);
        Assert.Contains("regexp_like(_s_due, '^[0-9]{2}[.][0-9]{2}[.][0-9]{4}\\\\z')", sql, StringComparison.Ordinal);
        await SparkGrammar.AcceptsAsync([("payments", sql)]);
    }
}
