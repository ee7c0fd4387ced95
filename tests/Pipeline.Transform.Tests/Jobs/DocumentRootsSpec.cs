using Pipeline.Core;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;
using Pipeline.Testing;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>What jobs elsewhere are told of tables that do not lie in the lake.</summary>
public sealed class DocumentRootsSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("roots-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Internal => Path.Combine(_directory, "internal");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_document_says_where_each_table_begins_that_lies_elsewhere()
    {
        var store = await PlacedAsync(Internal);

        var document = await DocumentRoots.OfAsync(Document(store), store, Cancel);

        Assert.Equal([KeyValuePair.Create("bronze/app/users", Internal)], document.Roots!);
        Assert.Equal(($"{Internal}/bronze/app/users", $"{store.Location}/silver/users"), (document.PlaceOf("bronze/app/users"), document.PlaceOf("silver/users")));
        var read = JobDocument.Read(document.ToUtf8());
        Assert.Equal(document.PlaceOf("bronze/app/users"), read.PlaceOf("bronze/app/users"));
        Assert.Equal(document.ToUtf8(), read.ToUtf8());
    }

    [Fact]
    public async Task A_lake_without_places_has_the_documents_that_it_had()
    {
        var store = new LocalObjectStore(Path.Combine(_directory, "lake"));

        var document = await DocumentRoots.OfAsync(Document(store), store, Cancel);

        Assert.Null(document.Roots);
        Assert.DoesNotContain("\"roots\":", System.Text.Encoding.UTF8.GetString(document.ToUtf8()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_over_a_bucket_and_a_disk_is_the_nodes()
    {
        var store = await PlacedAsync("s3://internal-bucket/place");

        var fault = await Assert.ThrowsAsync<PipelineException>(async () => await DocumentRoots.OfAsync(Document(store), store, Cancel));

        Assert.Equal("Run silver/users#7", fault.Thing);
        Assert.Contains("its table bronze/app/users lies in s3://internal-bucket/place and the lake in ", fault.Cause, StringComparison.Ordinal);
        Assert.Contains("engine = duckdb for silver/users", fault.NextStep, StringComparison.Ordinal);
    }

    private async Task<PlacedStore> PlacedAsync(string address)
    {
        var places = new TablePlaces(TablePlaces.None.Locations.Add("internal", new NamedLocation("internal", address, new S3Options())), TablePlaces.None.ByName.Add("bronze/app", "internal"));
        var store = new PlacedStore(new LocalObjectStore(Path.Combine(_directory, "lake")), places, location => new Addressed(new LocalObjectStore(Internal), location.Address));
        await store.FixAsync(TableId.Bronze("app", "users"), "a lake", Cancel);
        return store;
    }

    private static JobDocument Document(IObjectStore store) => new()
    {
        Format = JobDocument.CurrentFormat, Dialect = "spark", Run = new DocumentRun(TableId.Silver("users"), 7), Root = store.Location,
        Relations = [new JobRelation("bronze", "bronze/app/users", [], [])], Outputs = [new JobOutput("silver/users", "silver/users", [])],
    };

    /// <summary>A directory that says it is elsewhere.</summary>
    private sealed class Addressed(IObjectStore store, string address) : IObjectStore
    {
        public string Location => address;

        public string? LocalPath(string path) => null;

        public ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => store.PutIfAbsentAsync(path, content, cancellationToken);

        public ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => store.PutAsync(path, content, cancellationToken);

        public ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken) => store.OpenUploadAsync(path, cancellationToken);

        public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) => store.TryGetAsync(path, cancellationToken);

        public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) => store.TryStatAsync(path, cancellationToken);

        public ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken) => store.GetRangeAsync(path, offset, length, cancellationToken);

        public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, CancellationToken cancellationToken) => store.ListAsync(prefix, startAt, cancellationToken);

        public ValueTask DeleteAsync(string path, CancellationToken cancellationToken) => store.DeleteAsync(path, cancellationToken);

        public IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, CancellationToken cancellationToken) => store.ListUnfinishedAsync(prefix, cancellationToken);

        public ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) => store.AbandonAsync(upload, cancellationToken);
    }
}
