using Pipeline.Core;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.S3;

/// <summary>A lake on a disk with tables in buckets that have settings of their own, and what their faults are called.</summary>
public sealed class S3PlacesSpec(S3StandIn s3)
{
    private static readonly TableId Orders = TableId.Bronze("events", "orders");
    private static readonly TableId Users = TableId.Bronze("app", "users");
    private static readonly TableId Lines = TableId.Bronze("crm", "lines");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Tables_lie_in_buckets_with_endpoints_and_encryption_of_their_own_and_one_on_the_disk()
    {
        using var scratch = new Scratch();
        await using var first = await s3.BucketAsync(Cancel);
        await using var second = await s3.BucketAsync(Cancel, options => options with { Encryption = S3Encryption.Kms, KmsKey = "alias/events" });
        var lake = Open(scratch, first, second);

        foreach (var table in (TableId[])[Orders, Users, Lines]) await AppendAsync(lake, table, 1);
        await AppendAsync(Open(scratch, first, second), Orders, 2);

        Assert.Equal(["bronze/app/users"], await TablesInAsync(first));
        Assert.Equal(["bronze/events/orders"], await TablesInAsync(second));
        Assert.Equal([Users, Lines, Orders], await TableListing.TablesAsync(lake.Store, Cancel).ToListAsync(Cancel));
        var head = await second.Direct.GetObjectMetadataAsync(second.Name, "some/prefix/bronze/events/orders/_delta_log/00000000000000000001.json", Cancel);
        Assert.Equal("aws:kms", head.ServerSideEncryptionMethod?.Value);
        Assert.True(Directory.Exists(Path.Combine(scratch.Root, "bronze/crm/lines/_delta_log")));
        Assert.False(Directory.Exists(Path.Combine(scratch.Root, "bronze/events")));
        Assert.Null(lake.Store.LocalPath("bronze/events/orders/a"));
        Assert.NotNull(lake.Store.LocalPath("bronze/crm/lines/a"));
    }

    [Fact]
    public async Task A_bucket_that_is_away_stops_its_tables_alone_and_is_told_by_its_name()
    {
        using var scratch = new Scratch();
        await using var first = await s3.BucketAsync(Cancel, options => options with { Retry = options.Retry with { AttemptsMax = 2 } });
        await using var second = await s3.BucketAsync(Cancel);
        foreach (var table in (TableId[])[Orders, Users, Lines]) await AppendAsync(Open(scratch, first, second), table, 1);
        first.Proxy.Inject(new ProxyFault.Answer(503, "SlowDown"), _ => true, times: int.MaxValue);
        var lake = Open(scratch, first, second);

        var fault = await Assert.ThrowsAsync<PipelineException>(async () => await lake.TryOpenAsync(Users, Cancel));

        Assert.Equal(FaultKind.Unreachable, fault.Kind);
        Assert.Contains(first.Name, fault.Thing, StringComparison.Ordinal);
        await AppendAsync(lake, Orders, 2);
        await AppendAsync(lake, Lines, 2);
        // All are found, so that nobody takes those of the bucket for gone.
        Assert.Equal([Users, Lines, Orders], await TableListing.TablesAsync(lake.Store, Cancel).ToListAsync(Cancel));
    }

    [Fact]
    public async Task A_log_that_names_files_by_their_whole_addresses_is_of_a_table_in_its_own_bucket_alone()
    {
        using var scratch = new Scratch();
        await using var first = await s3.BucketAsync(Cancel);
        await using var second = await s3.BucketAsync(Cancel);
        var lake = Open(scratch, first, second);
        await AppendAsync(lake, Users, 1);

        Assert.Equal("part.parquet", Table.TableFilePath.TryBelow(lake.Store, Users.ToString(), $"s3://{first.Name}/some/prefix/{Users}/part.parquet"));
        Assert.Equal("part.parquet", Table.TableFilePath.TryBelow(lake.Store, Users.ToString(), $"s3a://{first.Name}/some/prefix/{Users}/part.parquet"));
        Assert.Null(Table.TableFilePath.TryBelow(lake.Store, Users.ToString(), $"s3://{second.Name}/some/prefix/{Users}/part.parquet"));
        Assert.Null(Table.TableFilePath.TryBelow(lake.Store, Users.ToString(), $"{scratch.Root}/{Users}/part.parquet"));
    }

    private static Lake Open(Scratch scratch, S3Bucket first, S3Bucket second)
    {
        var stores = new Dictionary<string, S3Bucket>(StringComparer.Ordinal) { ["internal"] = first, ["streaming"] = second };
        var places = new TablePlaces(TablePlaces.None.Locations.AddRange(stores.Select(store => KeyValuePair.Create(store.Key, new NamedLocation(store.Key, $"s3://{store.Value.Name}/some/prefix", store.Value.Options)))),
            TablePlaces.None.ByName.Add("bronze/app", "internal").Add("bronze/events", "streaming"));
        return new Lake(new PlacedStore(scratch.Store(), places, location => stores[location.Name].Open()), TimeProvider.System);
    }

    private static async Task AppendAsync(Lake lake, TableId table, long key) =>
        await TestTables.AppendAsync(await lake.OpenOrCreateAsync(table, TestTables.KeyAndText, [], TestTables.NoConfiguration, Cancel), key);

    private static async Task<IReadOnlyList<string>> TablesInAsync(S3Bucket bucket) =>
        [.. (await bucket.Store.ListAsync("bronze/", null, Cancel).ToListAsync(Cancel)).Select(found => string.Join('/', found.Path.Split('/')[..3])).Distinct()];
}
