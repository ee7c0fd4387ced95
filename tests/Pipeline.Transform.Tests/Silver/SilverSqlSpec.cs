using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>The generated SQL, held in golden files so that a change of it is seen in review.</summary>
public sealed class SilverSqlSpec
{
    private static readonly Schema Table = Bronze("user_id decimal(38,0)", "email string", "team_id long", "score string", "phone string", "photo binary");
    private static readonly Schema Topic = Bronze("_partition int", "_offset long", "_timestamp timestamp", "_key string", "_headers string", "value string");
    private static readonly Schema ReadAgain = new(TestLake.Declared([.. Bronze("_partition int", "_offset long", "_timestamp timestamp", "user_id long", "email string").FieldsList, BronzeColumns.EpochField, BronzeColumns.ReadingField, BronzeColumns.OrderTimeField],
        "_partition Identifies Orders Split", "_offset Orders Number", "_timestamp Identifies RecordTime"), null);
    private static readonly Schema Changes = Bronze("user_id long", "email string", "notes string", "_changed string");

    [Theory]
    [InlineData("table", """
        teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns {
            user_id { type = long }
            email { type = string, required = true }
            team_id { type = long }
            score { type = "decimal(8,2)" }
            phone { type = string, mask = hash }
            photo { type = binary, mask = redact }
          }
          key = [user_id]
          rules = [
            { name = email_valid, check = "regexp_like(email, '@')" }
            { name = has_team, check = "team_id IS NOT NULL", severity = warn }
            { name = sane, check = "user_id > 0", severity = fail }
          ]
          references = [ { column = team_id, table = silver/teams } ]
        }
        """)]
    [InlineData("topic", """
        users {
          from = bronze/events/user_events
          format = json
          columns {
            event_id { type = string }
            user_id { type = long, path = "$.user.id", required = true }
            is_test { type = boolean }
            day { type = date }
            event_time { type = timestamp, path = "$.timestamp" }
            received_at { type = timestamp, from = _timestamp }
          }
          key = [event_id]
          order-by = [event_time]
        }
        """)]
    [InlineData("changes", """
        users {
          from = bronze/app/users
          columns { user_id { type = long }, email { type = string, required = true }, text { type = string, from = notes } }
          key = [user_id]
        }
        """)]
    [InlineData("again", """
        users { from = bronze/events/users, columns { user_id { type = long }, email { type = string } }, key = [user_id] }
        """)]
    public void Generates(string name, string contracts)
    {
        var contract = TestGraph.Of(contracts).TrySilver(TableId.Silver("users"))!;
        var bronze = name switch { "table" => Table, "topic" => Topic, "again" => ReadAgain, _ => Changes };
        var declared = new Schema(TestLake.Declared(bronze.FieldsList, name switch
        {
            "topic" => ["_partition Identifies Orders Split", "_offset Orders Number", "_timestamp Identifies", "value Document"],
            "changes" => ["_changed Changed"],
            "again" => ["_partition Identifies Orders Split", "_offset Orders Number", "_timestamp Identifies RecordTime", "_epoch Epoch", "_reading Reading", "_order_time OrderTime"],
            _ => [],
        }), null);

        // A table from before sources declared roles is read as it was, and as one whose source declares them.
        Assert.Equal(new SilverSql(contract, bronze, SqlDialect.DuckDb).Checked, new SilverSql(contract, declared, SqlDialect.DuckDb).Checked);
        Assert.Equal(new LatestSql(contract, bronze, SqlDialect.DuckDb).Query, new LatestSql(contract, declared, SqlDialect.DuckDb).Query);
        Golden.Verify($"{name}.checked.sql", new SilverSql(contract, bronze, SqlDialect.DuckDb).Checked);
        Golden.Verify($"{name}.latest.sql", new LatestSql(contract, bronze, SqlDialect.DuckDb).Query);
        Golden.Verify($"{name}.checked.spark.sql", new SilverSql(contract, bronze, SqlDialect.Spark).Checked);
        Golden.Verify($"{name}.latest.spark.sql", new LatestSql(contract, bronze, SqlDialect.Spark).Query);
    }

    [Fact]
    public void Names_the_column_that_bronze_does_not_have()
    {
        var contract = TestGraph.Of("users {\n from = bronze/app/users\n columns { user_id { type = long }, mail { type = string, from = emial } }\n key = [user_id] }").Silver[0];

        var fault = Assert.Throws<PipelineException>(() => new SilverSql(contract, Table, SqlDialect.DuckDb));

        Assert.Contains("Table silver/users, column mail: bronze/app/users has no column 'emial' (", fault.Message);
        Assert.Contains("Did you mean 'email'? It has: user_id, email, team_id", fault.Message);
        Assert.False(fault.IsTransient);
    }

    [Fact]
    public void Names_the_order_column_that_bronze_does_not_have()
    {
        var contract = TestGraph.Of("users {\n from = bronze/app/users\n columns { user_id { type = long } }\n key = [user_id] }").Silver[0] with { OrderBy = ["_offset"] };

        var fault = Assert.Throws<PipelineException>(() => new SilverSql(contract, Table, SqlDialect.DuckDb));

        Assert.Contains("Table silver/users, order-by: bronze/app/users has no column '_offset' (", fault.Message);
    }

    [Fact]
    public void Says_when_no_column_holds_the_document()
    {
        var contract = TestGraph.Of("users {\n from = bronze/app/users\n format = json\n columns { user_id { type = long } }\n key = [user_id] }").Silver[0];

        var fault = Assert.Throws<PipelineException>(() => new SilverSql(contract, Table, SqlDialect.DuckDb));

        Assert.Contains("Table silver/users, column user_id: no column of bronze/app/users holds a whole record (", fault.Message);
        Assert.Contains("say with from which column holds the document", fault.Message);
    }

    private static Schema Bronze(params string[] columns) => new([.. TestLake.BronzeColumns(columns), BronzeColumns.IngestDateField], null);
}
