using Npgsql;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Tests;

public sealed class PostgresFaultsSpec
{
    private static readonly PostgresSourceOptions Options = new() { Name = "crm", Host = "db", Database = "app", Security = new PostgresSecurityOptions { Username = "reader" } };

    [Theory]
    [InlineData("28P01", FaultKind.NotAuthorised)]
    [InlineData("42501", FaultKind.NotAuthorised)]
    [InlineData("42P01", FaultKind.Missing)]
    [InlineData("42601", FaultKind.Invalid)]
    [InlineData("22003", FaultKind.Invalid)]
    [InlineData("57P01", FaultKind.Unreachable)]
    [InlineData("25P04", FaultKind.Unreachable)]
    [InlineData("25P03", FaultKind.Unreachable)]
    [InlineData("25006", FaultKind.Unreachable)]
    [InlineData("0A000", FaultKind.Unreachable)]
    [InlineData("25001", FaultKind.Invalid)]
    [InlineData("99999", FaultKind.Unreachable)]
    [InlineData("P0001", FaultKind.Unreachable)]
    [InlineData("HV000", FaultKind.Unreachable)]
    [InlineData("54001", FaultKind.Unreachable)]
    public void Only_what_is_listed_is_final(string state, FaultKind kind) =>
        Assert.Equal(kind, PostgresFaults.Describe(new PostgresException("no", "ERROR", "ERROR", state), "Table t", Options).Kind);

    [Theory]
    [InlineData("53300", true)]
    [InlineData("57P01", true)]
    [InlineData("57P03", true)]
    [InlineData("08006", true)]
    [InlineData("57014", false)]
    [InlineData("40001", false)]
    [InlineData("42501", false)]
    public void What_the_server_says_to_whoever_comes_is_one_outage_whichever_table_was_asked_for(string state, bool isOne)
    {
        var outages = ((string[])["Table one", "Table two"]).Select(thing => Fault.Of("", PostgresFaults.Describe(new PostgresException("no", "ERROR", "ERROR", state), thing, Options)).Outage).Distinct();

        Assert.Equal(isOne ? 1 : 2, outages.Count());
    }
}
