using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>What rows say that they carry where a table has columns that its source has not any more.</summary>
public sealed class CarriedColumnsSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("carried-");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("id,name,_fivetran_synced,legacy", "id,name,_fivetran_synced,legacy", null)]
    [InlineData("id,name,_fivetran_synced,legacy", "id,name,_fivetran_synced", "id,name,_fivetran_synced")]
    [InlineData("_id,name,legacy", "_id,name", "_id,name")]
    [InlineData("id,name,_fivetran_synced", "id,name", "id,name")]
    [InlineData("id,name,_fivetran_synced", "id,name,_synced", "id,name,_synced")]
    [InlineData("id,_op_,legacy", "id,_op_", "id,_op_")]
    // The pipeline's own columns are none of a source, and no row is without them.
    [InlineData("id,_changed,_sequence", "id", null)]
    [InlineData("id,_epoch,_order_time,_redriven_from", "id", null)]
    public async Task Are_all_that_the_source_has_whatever_their_names_begin_with(string before, string now, string? carried)
    {
        var lake = new Lake(new LocalObjectStore(Path.Combine(_directory, "lake")), TimeProvider.System);
        await BronzeTable.OpenAsync(lake, TableId.Bronze("app", "users"), Source(before), TestContext.Current.CancellationToken);

        var table = await BronzeTable.OpenAsync(lake, TableId.Bronze("app", "users"), Source(now), TestContext.Current.CancellationToken);

        Assert.Equal(carried, table.Carried);
    }

    private static Schema Source(string columns) =>
        new([.. columns.Split(',').Select(name => new Field(name, StringType.Default, nullable: true)), BronzeColumns.OpField, BronzeColumns.PositionField], null);
}
