using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Transform.Contracts;

namespace Pipeline.Transform.Tests.Contracts;

/// <summary>A contract beside the columns that its source has: what a run would find row by row is told before.</summary>
public sealed class ContractFitSpec
{
    private static readonly Schema Users = BronzeColumns.TableSchema(new Schema(
    [
        new Field("user_id", Int64Type.Default, nullable: true), new Field("email", StringType.Default, nullable: true), new Field("amount", new Decimal128Type(12, 2), nullable: true),
        new Field("weight", DoubleType.Default, nullable: true), new Field("order_date", Date32Type.Default, nullable: true), BronzeColumns.OpField, BronzeColumns.PositionField,
    ], null));

    [Theory]
    [InlineData("emial { type = string }", false, "bronze/app/users has no column 'emial'", "Did you mean 'email'?")]
    [InlineData("x { type = string, from = emial }", false, "bronze/app/users has no column 'emial'", "Did you mean 'email'?")]
    [InlineData("email { type = long }", true, "email is string, read as long: a row whose value is none goes to the quarantine as type:email", null)]
    [InlineData("amount { type = \"decimal(5,0)\" }", false, "amount is decimal(12,2), and type = decimal(5,0) rounds away 2 of 2 digits behind the point", "Write type = \"decimal(12,2)\"")]
    [InlineData("amount { type = float }", false, "amount is decimal(12,2), and type = float keeps seven digits", "Write type = \"decimal(12,2)\"")]
    [InlineData("weight { type = \"decimal(9,0)\" }", false, "weight is double, and type = decimal(9,0) rounds away all digits behind the point", "Write type = \"double\"")]
    [InlineData("amount { type = \"decimal(5,2)\" }", true, "amount is decimal(12,2), read as decimal(5,2): a row whose value is none", null)]
    [InlineData("user_id { type = int }", true, "user_id is long, read as int: a row whose value is none", null)]
    [InlineData("x { type = string, from = amount, path = \"$.x\" }", false, "amount is decimal(12,2), and $.x is a path into JSON text", "Remove path")]
    public void Tells_a_column_that_is_not_taken_as_it_is_with_its_line(string column, bool isOk, string detail, string? nextStep)
    {
        var finding = Assert.Single(Of($"users {{\nfrom = bronze/app/users\ncolumns {{\nid {{ type = long, from = user_id }}\n{column}\n}}\nkey = [id]\n}}"));

        Assert.Equal(isOk, finding.Ok);
        Assert.Contains("test.conf:6)", finding.Thing, StringComparison.Ordinal);
        Assert.StartsWith(detail, finding.Detail, StringComparison.Ordinal);
        if (nextStep is null) Assert.Null(finding.NextStep);
        else Assert.Contains(nextStep, finding.NextStep, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("email { type = string }")]
    [InlineData("e { type = string, from = EMAIL }")]
    [InlineData("day { type = date, from = \"order date\" }")]
    [InlineData("amount { type = \"decimal(14,4)\" }")]
    [InlineData("amount { type = string }")]
    [InlineData("at { type = timestamp, from = _ingested_at }")]
    [InlineData("x { type = long, from = email, path = \"$.x\" }")]
    public void Says_nothing_of_a_column_that_is(string column) =>
        Assert.Empty(Of($"users {{ from = bronze/app/users, columns {{ id {{ type = long, from = user_id }}, {column} }}, key = [id] }}"));

    [Fact]
    public void A_topic_has_its_document_and_a_table_has_none()
    {
        const string contract = "users { from = bronze/app/users, format = json, columns { id { type = long } }, key = [id] }";
        var topic = new Schema([new Field("value", StringType.Default, nullable: true).As(BronzeRole.Document), BronzeColumns.OpField, BronzeColumns.PositionField], null);

        Assert.Empty(ContractFit.Of(TestGraph.Of(contract).Silver[0], topic));
        Assert.Contains("no column of bronze/app/users holds a whole record", Assert.Single(Of(contract)).Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("id { type = long }", "value")]
    [InlineData("id { type = long, from = _key }", null)]
    [InlineData("id { type = long, from = _key, path = \"$.id\" }", null)]
    [InlineData("id { type = string, value = \"lower(_key)\" }", null)]
    [InlineData("id { type = string, value = \"coalesce(_key, id)\" }", "value")]
    public void A_key_that_a_delete_does_not_have_is_told(string key, string? missing)
    {
        var contract = TestGraph.Of($"users {{ from = bronze/events/users, format = json, columns {{ {key}, name {{ type = string }} }}, key = [id] }}").Silver[0];
        var topic = new Schema([new Field("_key", StringType.Default, nullable: true), new Field("value", StringType.Default, nullable: true).As(BronzeRole.Document), BronzeColumns.OpField, BronzeColumns.PositionField], null);

        var faults = ContractFit.Of(contract, topic, ["_key"]).Where(finding => !finding.Ok).ToList();

        if (missing is null) Assert.Empty(faults);
        else Assert.Contains($"is read from {missing}, which a delete of bronze/events/users does not have", Assert.Single(faults).Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(ContractFit.Of(contract, topic), finding => !finding.Ok);
    }

    [Theory]
    [InlineData(ValueEquality.Number, "code { type = string }", "numbers whatever zeros", "decimal(38,6)")]
    [InlineData(ValueEquality.Number, "code { type = \"decimal(20,4)\" }", null, null)]
    [InlineData(ValueEquality.Padded, "code { type = string }", "texts whatever blanks", "value = \"trim(code)\"")]
    [InlineData(ValueEquality.Padded, "code { type = string, value = \"lower(code)\" }", "texts whatever blanks", "value = \"trim(code)\"")]
    [InlineData(ValueEquality.Padded, "code { type = string, value = \"upper(trim(code))\" }", null, null)]
    [InlineData(ValueEquality.Caseless, "code { type = string }", "texts whatever the case", "value = \"lower(code)\"")]
    [InlineData(ValueEquality.Caseless, "code { type = string, value = \"lower(code)\" }", null, null)]
    [InlineData(ValueEquality.Same, "code { type = string }", null, null)]
    public void A_reference_whose_ends_the_source_compares_in_another_way_is_told_at_either_end(ValueEquality equality, string column, string? detail, string? nextStep)
    {
        var source = new Schema([new Field("id", Int64Type.Default, nullable: true), new Field("code", StringType.Default, nullable: true), BronzeColumns.OpField, BronzeColumns.PositionField], null).With([("code", equality)]);
        var graph = TestGraph.Of($$"""
            users { from = bronze/app/users, columns { id { type = long }, {{column}} }, key = [id], references = [{ column = code, table = silver/codes }] }
            codes { from = bronze/app/codes, columns { {{column}} }, key = [code] }
            """);
        var bronze = BronzeColumns.TableSchema(source);

        IReadOnlyList<Finding>[] ends = [ContractFit.Of(graph.Silver[0], bronze), ContractFit.Of(graph.Silver[1], bronze, deletesCarry: null, ["code"])];

        Assert.DoesNotContain(ContractFit.Of(graph.Silver[1], bronze), finding => !finding.Ok);
        foreach (var found in ends.Select(end => end.Where(finding => !finding.Ok).ToList()))
        {
            if (detail is null) Assert.Empty(found);
            else Assert.Contains(detail, Assert.Single(found).Detail, StringComparison.Ordinal);
            if (nextStep is not null) Assert.Contains(nextStep, found[0].NextStep, StringComparison.Ordinal);
        }
    }

    private static IReadOnlyList<Finding> Of(string contract)
    {
        var (graph, problems) = TestGraph.Bind(contract);
        Assert.Empty(problems);
        return ContractFit.Of(graph.Silver[0], Users);
    }
}
