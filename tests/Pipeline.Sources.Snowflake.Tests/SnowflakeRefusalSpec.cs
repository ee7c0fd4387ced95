using Pipeline.Core;
using Pipeline.Emulation.Snowflake;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>Each wrong setting gives one error that names the thing, the cause and the next step.</summary>
public sealed class SnowflakeRefusalSpec
{
    [Fact]
    public Task A_wrong_role_is_not_authorised() => RefusesAsync(FaultKind.NotAuthorised, "Role 'OTHER'", options => options with { Role = "OTHER" });

    [Fact]
    public Task A_role_in_the_wrong_case_is_another_role() => RefusesAsync(FaultKind.NotAuthorised, "Role 'pipeline'", options => options with { Role = "pipeline" });

    [Fact]
    public Task A_role_that_the_token_does_not_open_is_not_authorised() => RefusesAsync(FaultKind.NotAuthorised, "Role 'AUDIT'",
        options => options with { Role = "AUDIT" }, new SnowflakeServerOptions { Roles = ["PIPELINE", "AUDIT"] });

    [Fact]
    public Task A_scope_that_is_not_granted_is_not_authorised() => RefusesAsync(FaultKind.NotAuthorised, "scope 'session:role:OTHER'",
        options => options with { Security = ((SnowflakeSecurityOptions.OAuth)options.Security) with { Scope = "session:role:OTHER" } });

    [Fact]
    public Task A_wrong_client_secret_is_not_authorised_and_not_shown() => RefusesAsync(FaultKind.NotAuthorised, "client id 'pipeline' or its secret",
        options => options with { Security = ((SnowflakeSecurityOptions.OAuth)options.Security) with { ClientSecret = new Secret("not-the-secret") } }, secret: "not-the-secret");

    [Fact]
    public Task A_wrong_warehouse_is_missing() => RefusesAsync(FaultKind.Missing, "warehouse 'OTHER_WH'", options => options with { Warehouse = "OTHER_WH" });

    [Fact]
    public Task A_wrong_database_is_missing() => RefusesAsync(FaultKind.Missing, "Database 'OTHER'", options => options with { Database = "OTHER" });

    [Fact]
    public Task A_wrong_schema_is_missing() => RefusesAsync(FaultKind.Missing, "Schema 'ENTERPRISE.OTHER'", options => options with { Schema = "OTHER" });

    [Fact]
    public Task A_table_in_the_wrong_case_is_missing() => RefusesAsync(FaultKind.Missing, "'ENTERPRISE.CRM.orders'",
        options => options with { Tables = [options.Tables[0] with { Table = "orders" }] });

    [Fact]
    public Task A_wrong_watermark_is_missing_and_the_columns_are_told() => RefusesAsync(FaultKind.Missing, "NUMBER, NOTE, AMOUNT, UPDATED_AT, CHANGE",
        options => options with { Tables = [options.Tables[0] with { Watermark = "CHANGED_AT" }] });

    [Fact]
    public Task A_watermark_of_the_wrong_type_is_invalid() => RefusesAsync(FaultKind.Invalid, "'NOTE' is of type text",
        options => options with { Tables = [options.Tables[0] with { Watermark = "NOTE" }] });

    [Fact]
    public Task A_private_key_that_is_none_is_not_shown() => RefusesAsync(FaultKind.NotAuthorised, "private key cannot be read",
        options => options with { Security = new SnowflakeSecurityOptions.KeyPair("EMULATED", "PIPELINE_SERVICE", new Secret("-----BEGIN NONSENSE-----"), null) }, secret: "NONSENSE");

    [Fact]
    public async Task A_private_key_of_somebody_else_is_not_authorised()
    {
        var (publicPem, _) = EmulatedTable.NewKeyPair();
        var (_, privatePem) = EmulatedTable.NewKeyPair();
        await RefusesAsync(FaultKind.NotAuthorised, "JWT token is invalid",
            options => options with { Security = new SnowflakeSecurityOptions.KeyPair("EMULATED", "PIPELINE_SERVICE", new Secret(privatePem), null) },
            new SnowflakeServerOptions { PublicKey = publicPem }, secret: privatePem);
    }

    [Fact]
    public async Task A_suspended_warehouse_is_named_with_the_command_that_resumes_it()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token);
        await using var source = table.Open();
        table.Server.SetWarehouse(isAvailable: false);

        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.DescribeAsync("orders", deadline.Token));

        Assert.Equal(FaultKind.Missing, failure.Kind);
        Assert.Contains("ALTER WAREHOUSE \"INGEST_WH\" RESUME", failure.NextStep);
    }

    [Fact]
    public async Task Key_pair_authentication_reads_rows()
    {
        using var deadline = Reading.StartDeadline();
        var (publicPem, privatePem) = EmulatedTable.NewKeyPair();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, new SnowflakeServerOptions { PublicKey = publicPem },
            options => options with { Security = new SnowflakeSecurityOptions.KeyPair("emulated", "pipeline_service", new Secret(privatePem), null) });
        await table.AppendAsync(10, deadline.Token);
        await using var source = table.Open();

        Assert.Equal(Reading.Numbers(10), await Reading.NumbersAsync(source, null, 10, deadline.Token));
        Assert.DoesNotContain(table.Server.Requests, request => request.Operation == SnowflakeOperation.Token);
    }

    [Fact]
    public async Task Rows_without_a_watermark_are_found_by_the_check()
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, createSql: "CREATE TABLE ORDERS (NUMBER NUMBER(12,0), UPDATED_AT TIMESTAMP_LTZ)");
        table.Server.Database.Execute("INSERT INTO ORDERS VALUES (1, now()), (2, NULL), (3, NULL)");
        await using var source = table.Open();

        var findings = await source.CheckAsync(deadline.Token);

        var finding = Assert.Single(findings, finding => !finding.Ok);
        Assert.Contains("orders", finding.Thing);
        Assert.StartsWith("2 rows have no value in the watermark column UPDATED_AT", finding.Detail);
    }

    private static async Task RefusesAsync(FaultKind kind, string named, Func<SnowflakeSourceOptions, SnowflakeSourceOptions> change,
        SnowflakeServerOptions? server = null, string? secret = null)
    {
        using var deadline = Reading.StartDeadline();
        await using var table = await EmulatedTable.StartAsync(deadline.Token, server, change);
        await using var source = table.Open();

        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.DescribeAsync("orders", deadline.Token));

        Assert.Equal(kind, failure.Kind);
        Assert.Contains(named, failure.ToString());
        Assert.StartsWith("Source crm", failure.Thing);
        Assert.False(string.IsNullOrWhiteSpace(failure.NextStep));
        if (secret is not null) Assert.DoesNotContain(secret, failure.ToString());
    }
}
