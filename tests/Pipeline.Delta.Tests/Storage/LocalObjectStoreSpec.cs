using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.Storage;

public sealed class LocalObjectStoreSpec : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly LocalObjectStore _store;

    public LocalObjectStoreSpec() => _store = _scratch.Store();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task One_of_many_writers_of_a_name_wins_and_its_object_is_whole()
    {
        var writers = Enumerable.Range(0, 16).Select(writer => Enumerable.Repeat((byte)writer, 100_000).ToArray()).ToList();

        var outcomes = await Task.WhenAll(writers.Select(content => Task.Run(async () => await _store.PutIfAbsentAsync("a/b", content, Cancel), Cancel)));

        Assert.Single(outcomes, outcome => outcome == PutOutcome.Created);
        Assert.Equal(15, outcomes.Count(outcome => outcome == PutOutcome.Exists));
        Assert.Equal(writers[Array.IndexOf(outcomes, PutOutcome.Created)], await _store.TryGetAsync("a/b", Cancel));
        Assert.Equal(["b"], Directory.GetFiles(Path.Combine(_scratch.Root, "a")).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Lists_like_a_bucket_and_leaves_out_what_is_unfinished()
    {
        foreach (var path in (string[])["t/b", "t/a/x", "t/a-b", "t/a/y/z", "t.x", "t/c"]) await _store.PutAsync(path, "1"u8.ToArray(), Cancel);
        await using var upload = await _store.OpenUploadAsync("t/a/upload", Cancel);
        Directory.CreateDirectory(Path.Combine(_scratch.Root, "t", "empty"));

        Assert.Equal(["t/a-b", "t/a/x", "t/a/y/z", "t/b", "t/c", "t/empty/"], await ListAsync("t/", null));
        Assert.Equal(["t/a/y/z", "t/b", "t/c", "t/empty/"], await ListAsync("t/", "t/a/y"));
        Assert.Equal(["t/a-b", "t/a/x", "t/a/y/z"], await ListAsync("t/a", null));
        Assert.Empty(await ListAsync("nowhere/", null));
    }

    [Fact]
    public async Task An_upload_appears_when_it_is_complete()
    {
        await using (var abandoned = await _store.OpenUploadAsync("x", Cancel)) await abandoned.Content.WriteAsync("half"u8.ToArray(), Cancel);
        await using var upload = await _store.OpenUploadAsync("y", Cancel);
        await upload.Content.WriteAsync("whole"u8.ToArray(), Cancel);
        var before = await _store.TryStatAsync("y", Cancel);

        var size = await upload.CompleteAsync(Cancel);

        Assert.Null(before);
        Assert.Equal(5, size);
        Assert.Equal("hol"u8.ToArray(), await _store.GetRangeAsync("y", 1, 3, Cancel));
        Assert.Equal(["y"], Directory.GetFiles(_scratch.Root).Select(Path.GetFileName));
    }

    [Fact]
    public async Task What_is_not_there_is_null_and_can_be_deleted()
    {
        Assert.Null(await _store.TryGetAsync("no/such", Cancel));
        Assert.Null(await _store.TryStatAsync("no/such", Cancel));
        await _store.DeleteAsync("no/such", Cancel);
        var missing = await Assert.ThrowsAsync<PipelineException>(async () => await _store.GetRangeAsync("no/such", 0, 1, Cancel));
        Assert.Equal(FaultKind.Missing, missing.Kind);
    }

    /// <summary>A device that is always full stands for a full disk.</summary>
    [Fact]
    public void A_full_disk_is_said()
    {
        if (!File.Exists("/dev/full")) Assert.Skip("There is no /dev/full here.");
        using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 1);
        var cause = Assert.ThrowsAny<IOException>(() => full.WriteByte(1));

        var error = LocalErrors.Explain(_store, "t/x", "written", cause);

        Assert.Equal(FaultKind.StorageFull, error.Kind);
        Assert.Equal($"File {_scratch.Root}/t/x: it cannot be written: no space is left on the disk. Free space under {_scratch.Root}.", error.Message);
    }

    [Fact]
    public async Task A_file_in_place_of_a_directory_is_an_error_with_its_name()
    {
        await _store.PutAsync("t", "a file"u8.ToArray(), Cancel);

        var error = await Assert.ThrowsAsync<PipelineException>(async () => await _store.PutIfAbsentAsync("t/_delta_log/0.json", "x"u8.ToArray(), Cancel));

        Assert.Equal(FaultKind.Damaged, error.Kind);
        Assert.Contains($"t/_delta_log/0.json: it cannot be written: {_scratch.Root}/t is a file, and must be a directory", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_in_place_of_a_file_is_damage()
    {
        Directory.CreateDirectory(Path.Combine(_scratch.Root, "d"));

        var read = await Assert.ThrowsAsync<PipelineException>(async () => await _store.TryGetAsync("d", Cancel));
        var stat = await Assert.ThrowsAsync<PipelineException>(async () => await _store.TryStatAsync("d", Cancel));

        Assert.Equal((FaultKind.Damaged, FaultKind.Damaged), (read.Kind, stat.Kind));
    }

    private async Task<List<string>> ListAsync(string prefix, string? startAt)
    {
        List<string> paths = [];
        await foreach (var found in _store.ListAsync(prefix, startAt, Cancel)) paths.Add(found.Path);
        return paths;
    }
}
