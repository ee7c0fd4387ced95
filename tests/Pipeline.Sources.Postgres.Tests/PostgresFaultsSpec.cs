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
    [InlineData("99999", FaultKind.Unreachable)]
    [InlineData("P0001", FaultKind.Unreachable)]
    [InlineData("HV000", FaultKind.Unreachable)]
    [InlineData("54001", FaultKind.Unreachable)]
    public void Only_what_is_listed_is_final(string state, FaultKind kind) =>
        Assert.Equal(kind, PostgresFaults.Describe(new PostgresException("no", "ERROR", "ERROR", state), "Table t", Options).Kind);
}
