namespace Pipeline.Demo.Driver;

/// <summary>What to demonstrate.</summary>
/// <param name="Directory">Holds the manifest and the databases of the demo.</param>
public sealed record DemoOptions(string Directory)
{
    /// <summary>Ticks that a demo with <c>--once</c> makes: enough for a new order to see its end.</summary>
    public const int OnceTicks = 12;

    /// <summary>Rows and events a second, of all tables together, after the initial load.</summary>
    public int RowsPerSecond { get; init; } = 1_000;

    /// <summary>Makes this many ticks; null: as many as <see cref="Duration"/> allows.</summary>
    public int? Ticks { get; init; }

    /// <summary>How long data keeps coming when no number of ticks is set; null: until cancelled.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>No further tick begins once this is cancelled; what was written has to arrive.</summary>
    public CancellationToken End { get; init; }

    /// <summary>How long a tick lasts when the pipeline keeps up; the data says a second.</summary>
    public TimeSpan TickInterval { get; init; } = TimeSpan.FromSeconds(1);

    public long Seed { get; init; } = 42;

    /// <summary>Goes on with what the directory holds: seed, rate and number of ticks are those of its manifest.</summary>
    public bool IsResumed { get; init; }

    /// <summary>
    /// Before this tick the topic is deleted and made anew, once it has been read; the broker's topics have ids then. Not for a demo that is
    /// resumed: ids are the broker's, which does not outlive the process. Null: none is.
    /// </summary>
    public (string Topic, int Tick)? MadeAnew { get; init; }

    /// <summary>How long the pipeline may read nothing before the generator gives up waiting for it.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(2);
}
