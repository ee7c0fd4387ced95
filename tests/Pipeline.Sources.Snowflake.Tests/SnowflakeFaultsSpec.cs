using System.Net;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Client;

namespace Pipeline.Sources.Snowflake.Tests;

public sealed class SnowflakeFaultsSpec
{
    [Theory]
    [InlineData(403, null, null, FaultKind.Unreachable)]
    [InlineData(401, null, null, FaultKind.Unreachable)]
    [InlineData(422, "999999", null, FaultKind.Unreachable)]
    [InlineData(422, null, null, FaultKind.Unreachable)]
    [InlineData(401, "390186", null, FaultKind.NotAuthorised)]
    [InlineData(401, "394304", null, FaultKind.NotAuthorised)]
    [InlineData(422, "003001", "42501", FaultKind.NotAuthorised)]
    [InlineData(422, "002003", "02000", FaultKind.Missing)]
    [InlineData(422, "000606", "57P03", FaultKind.Missing)]
    [InlineData(422, "001003", "42000", FaultKind.Invalid)]
    public async Task Only_what_is_listed_is_final(int status, string? code, string? state, FaultKind kind)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);

        var fault = SnowflakeFaults.Describe("Table t", (HttpStatusCode)status, new ResultHeader(code, state, "no", null, null), table.Options);

        Assert.Equal(kind, fault.Kind);
    }

    [Theory]
    [InlineData(403, null, true)]
    [InlineData(401, null, true)]
    [InlineData(422, "000630", false)]
    [InlineData(422, "003001", false)]
    public async Task What_stands_before_the_account_is_one_outage_whichever_table_was_asked_for(int status, string? code, bool isOne)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);

        var outages = ((string[])["Table one", "Table two"])
            .Select(thing => Fault.Of("", SnowflakeFaults.Describe(thing, (HttpStatusCode)status, new ResultHeader(code, null, "no", null, null), table.Options)).Outage).Distinct();

        Assert.Equal(isOne ? 1 : 2, outages.Count());
    }

    [Fact]
    public async Task A_warehouse_that_is_suspended_is_told_with_the_statement_that_resumes_it()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);

        var fault = SnowflakeFaults.Describe("Table t", HttpStatusCode.UnprocessableEntity, new ResultHeader("000606", "57P03", "No active warehouse selected in the current session.", null, null), table.Options);

        Assert.Contains($"warehouse '{table.Options.Warehouse}' does not run", fault.Cause, StringComparison.Ordinal);
        Assert.Contains($"ALTER WAREHOUSE \"{table.Options.Warehouse}\" RESUME", fault.NextStep, StringComparison.Ordinal);
    }
}
