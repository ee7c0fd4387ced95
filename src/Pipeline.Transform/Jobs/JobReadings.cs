using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Jobs;

/// <summary>
/// What jobs read while they run, on whichever node: an object a table in the lake, with the run's pins, so that nobody who deletes files needs to
/// ask the nodes. One that a killed node has left says nothing after <see cref="AgeMax"/>, and goes with the table's next run.
/// </summary>
internal static class JobReadings
{
    private const string Directory = "_pipeline/reading/";

    /// <summary>No run takes longer.</summary>
    private static readonly TimeSpan AgeMax = TimeSpan.FromDays(8);

    /// <summary>Says what a run reads, until it is disposed.</summary>
    public static async ValueTask<IAsyncDisposable> EnterAsync(IObjectStore store, JobPins pins, CancellationToken cancellationToken)
    {
        var path = $"{Directory}{pins.Table}.json";
        await store.PutAsync(path, System.Text.Encoding.UTF8.GetBytes(pins.ToJson()), cancellationToken);
        return new Entry(store, path);
    }

    /// <summary>The pins of runs that may be going on.</summary>
    /// <exception cref="PipelineException">The store fails. What cannot be read is no run of this release.</exception>
    public static async ValueTask<IReadOnlyList<JobPins>> FindAsync(IObjectStore store, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var running = new List<JobPins>();
        await foreach (var found in store.ListAsync(Directory, startAt: null, cancellationToken))
        {
            // A directory from which the last one has gone is listed too.
            if (found.Path.EndsWith('/') || now - found.ModifiedAt > AgeMax || await store.TryGetAsync(found.Path, cancellationToken) is not { } content) continue;
            try
            {
                running.Add(JobPins.FromJson(System.Text.Encoding.UTF8.GetString(content)));
            }
            catch (JsonException)
            {
                // Cut off by a crash of whoever has written it, or of a later release.
            }
        }

        return running;
    }

    private sealed class Entry(IObjectStore store, string path) : IAsyncDisposable
    {
        /// <summary>Left behind it holds files for some days longer: nothing that would be worth a failed run.</summary>
        public async ValueTask DisposeAsync() => _ = await Background.FailureAsync(cancel => store.DeleteAsync(path, cancel), CancellationToken.None);
    }
}
