using Pipeline.Testing;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>What every source keeps, for a table read by moments.</summary>
public sealed class SnowflakeTimestampContractSpec : SourceContract
{
    protected override async ValueTask<SourceFixture> StartAsync(CancellationToken cancellationToken) => await EmulatedTable.StartAsync(cancellationToken);
}

/// <summary>The same for a table read by a timestamp without a time zone.</summary>
public sealed class SnowflakeLocalTimestampContractSpec : SourceContract
{
    protected override async ValueTask<SourceFixture> StartAsync(CancellationToken cancellationToken) =>
        await EmulatedTable.StartAsync(cancellationToken, watermark: "TIMESTAMP_NTZ(6)");
}

/// <summary>The same for a table read by an integer that grows.</summary>
public sealed class SnowflakeCursorContractSpec : SourceContract
{
    protected override async ValueTask<SourceFixture> StartAsync(CancellationToken cancellationToken) =>
        await EmulatedTable.StartAsync(cancellationToken, change: options => options with
        {
            Tables = [new SnowflakeTableOptions("orders", "CRM.ORDERS", "CHANGE", [])],
        }, rowsPerWatermark: 1);
}
