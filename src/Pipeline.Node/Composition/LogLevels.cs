using System.Collections.Immutable;
using Akka.Actor;
using Pipeline.Operations.Control;
using Pipeline.Operations.Options;
using Serilog.Core;
using Serilog.Events;

namespace Pipeline.Node.Composition;

/// <summary>How much a log tells: what the configuration says, and over it what operators want for a while.</summary>
internal sealed class LogLevels : ILogLevels, IDisposable
{
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ITimer> _ends = new(StringComparer.Ordinal);
    private volatile State _state;
    private volatile ActorSystem? _system;

    /// <param name="configured">Until <see cref="Configure"/>.</param>
    public LogLevels(LogEventLevel configured, TimeProvider time)
    {
        _time = time;
        _state = new State(configured, ImmutableDictionary<string, Wanted>.Empty.WithComparers(StringComparer.Ordinal));
        Switch = new LoggingLevelSwitch(configured);
    }

    /// <summary>The least that anything tells.</summary>
    public LoggingLevelSwitch Switch { get; }

    /// <summary>The configuration's.</summary>
    public LogEventLevel Configured => _state.Configured;

    public ImmutableArray<LogLevelLine> Now
    {
        get
        {
            var state = _state;
            return [.. state.Wanted.Where(wanted => wanted.Key.Length > 0).Select(wanted => Line(wanted.Key, wanted.Value)).OrderBy(line => line.Logger, StringComparer.Ordinal).Prepend(Line(null, state.Wanted.GetValueOrDefault("")))];

            LogLevelLine Line(string? logger, Wanted? wanted) => new(logger, DetailOf(wanted?.Level ?? state.General), DetailOf(logger is null ? state.Configured : state.General), wanted?.Until);
        }
    }

    public void Configure(LogEventLevel configured) => Change(state => state with { Configured = configured });

    public void Take(LogOrder order)
    {
        var logger = order.Logger ?? "";
        lock (_lock)
        {
            if (_ends.Remove(logger, out var end)) end.Dispose();
            if (order is { Level: { } level })
            {
                var wanted = new Wanted(NodeLogs.LevelOf(level), order.For is { } until ? _time.GetUtcNow() + until : null);
                Change(state => state with { Wanted = state.Wanted.SetItem(logger, wanted) });
                if (order.For is { } lasts) _ends[logger] = _time.CreateTimer(_ => End(logger, wanted), state: null, lasts, Timeout.InfiniteTimeSpan);
            }
            else
            {
                Change(state => state with { Wanted = state.Wanted.Remove(logger) });
            }
        }
    }

    /// <summary>As a node that starts: what operators wanted of the one before is over.</summary>
    public void Reset(LogEventLevel configured)
    {
        foreach (var logger in _state.Wanted.Keys) Take(new LogOrder(Level: null, logger.Length == 0 ? null : logger, For: null));
        Configure(configured);
    }

    /// <summary>Actors ask their system whether somebody listens to details: it knows from now on.</summary>
    public void Follow(ActorSystem system)
    {
        _system = system;
        Tell(system);
    }

    /// <summary>The least that is told of what an entry is of.</summary>
    public LogEventLevel LevelOf(LogEvent entry)
    {
        var state = _state;
        if (state.Wanted.IsEmpty) return state.Configured;
        return state.Wanted.Where(wanted => wanted.Key.Length > 0 && IsOf(entry, wanted.Key)).OrderByDescending(wanted => wanted.Key.Length).Select(wanted => (LogEventLevel?)wanted.Value.Level).FirstOrDefault()
            ?? (TextOf(entry, "SourceContext") is { } source && LogOrder.IsOurs(source) ? state.General : state.Configured);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var end in _ends.Values) end.Dispose();
            _ends.Clear();
        }
    }

    /// <summary>Its time is over; something else may have been said since.</summary>
    private void End(string logger, Wanted wanted)
    {
        lock (_lock)
        {
            if (!ReferenceEquals(_state.Wanted.GetValueOrDefault(logger), wanted)) return;
            if (_ends.Remove(logger, out var end)) end.Dispose();
            Change(state => state with { Wanted = state.Wanted.Remove(logger) });
        }
    }

    private void Change(Func<State, State> of)
    {
        lock (_lock)
        {
            _state = of(_state);
            Switch.MinimumLevel = _state.Wanted.Values.Select(wanted => wanted.Level).Append(_state.Configured).Min();
        }

        if (_system is { } system) Tell(system);
    }

    private void Tell(ActorSystem system) => system.EventStream.SetLogLevel(Switch.MinimumLevel <= LogEventLevel.Debug ? Akka.Event.LogLevel.DebugLevel : Akka.Event.LogLevel.InfoLevel);

    /// <summary>All actors have one class here, that of their system: they are told apart by their paths.</summary>
    private static bool IsOf(LogEvent entry, string logger) => logger[0] == '/' ? IsBelow(PathOf(TextOf(entry, "ActorPath")), logger) : IsBelow(TextOf(entry, "SourceContext"), logger);

    private static bool IsBelow(string? name, string logger) => name is not null && name.StartsWith(logger, StringComparison.Ordinal) && (name.Length == logger.Length || name[logger.Length] is '.' or '+' or '`' or '/' or '$');

    /// <summary>Without the system's name.</summary>
    private static string? PathOf(string? address) => address?.IndexOf("://", StringComparison.Ordinal) is { } scheme and >= 0 && address.IndexOf('/', scheme + "://".Length) is var path and >= 0 ? address[path..] : null;

    private static string? TextOf(LogEvent entry, string property) => entry.Properties.GetValueOrDefault(property) is ScalarValue { Value: string text } ? text : null;

    private static LogDetail DetailOf(LogEventLevel level) => level switch
    {
        <= LogEventLevel.Debug => LogDetail.Debug,
        LogEventLevel.Information => LogDetail.Information,
        LogEventLevel.Warning => LogDetail.Warning,
        _ => LogDetail.Error,
    };

    private sealed record Wanted(LogEventLevel Level, DateTimeOffset? Until);

    private sealed record State(LogEventLevel Configured, ImmutableDictionary<string, Wanted> Wanted)
    {
        /// <summary>What is told of the program's own parts and of Akka that nobody has said something else of.</summary>
        public LogEventLevel General => Wanted.GetValueOrDefault("")?.Level ?? Configured;
    }
}
