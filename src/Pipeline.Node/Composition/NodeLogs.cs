using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Pipeline.Remoting.Wire;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Extensions.Logging;
using Serilog.Formatting;
using Serilog.Formatting.Display;
using Serilog.Parsing;

namespace Pipeline.Node.Composition;

/// <summary>Logs for the person on call: one line an event, on standard error, so that standard output holds only data.</summary>
internal static partial class NodeLogs
{
    private const string Template = "{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}{NewLine}{Exception}";

    public static ILoggerFactory Create(TextWriter writer, LogLevel level) => new SerilogLoggerFactory(CreateLogger(writer, level), dispose: true);

    private static Logger CreateLogger(TextWriter writer, LogLevel level) => new LoggerConfiguration()
        .MinimumLevel.Is(LevelConvert.ToSerilogLevel(level))
        .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
        .Filter.ByExcluding(IsChatterOfAkka)
        .Filter.ByExcluding(IsOfJournal)
        .WriteTo.Sink(new WriterSink(writer, new MessageTemplateTextFormatter(Template)))
        .CreateLogger();

    /// <summary>
    /// Akka tells at Information how its own parts come and go: news only when something is wrong. Our actors are below
    /// <c>/user</c>, or are entities of a shard, three levels below <c>/system/sharding</c>.
    /// </summary>
    private static bool IsChatterOfAkka(LogEvent entry) =>
        entry.Level < LogEventLevel.Warning
        && entry.Properties.GetValueOrDefault("ActorPath") is ScalarValue { Value: string path }
        && !OurActorPath().IsMatch(path);

    /// <summary>What a persistence plug-in cannot do is said by who keeps the journal, once and not at each try.</summary>
    private static bool IsOfJournal(LogEvent entry) =>
        entry.Properties.GetValueOrDefault("ActorPath") is ScalarValue { Value: string path } && path.Contains("/system/pipeline.transform.", StringComparison.Ordinal);

    [GeneratedRegex("^akka://[^/]+/(user/|system/sharding/[^/]+/[^/]+/[^/]+)")]
    private static partial Regex OurActorPath();

    /// <summary>What strangers try is told in one line each: a stack says nothing of them.</summary>
    private static LogEvent OneLine(LogEvent entry)
    {
        if (entry.Exception is MessageRefusedException refused) return Saying(entry, refused.Message);
        return entry.Level >= LogEventLevel.Warning && entry.Properties.GetValueOrDefault("ActorPath") is ScalarValue { Value: string path } && IsOfRemoting(path)
            ? Saying(entry, entry.RenderMessage().Split('\n')[0].TrimEnd()) : entry;
    }

    private static bool IsOfRemoting(string path) => path.Contains("/system/endpointManager", StringComparison.Ordinal) || path.StartsWith("Akka.Remote.", StringComparison.Ordinal);

    private static LogEvent Saying(LogEvent entry, string text) =>
        new(entry.Timestamp, entry.Level, exception: null, new MessageTemplate([new TextToken(text)]), []);

    private sealed class WriterSink(TextWriter writer, ITextFormatter formatter) : ILogEventSink
    {
        private readonly Lock _lock = new();

        public void Emit(LogEvent logEvent)
        {
            using var text = new StringWriter();
            formatter.Format(OneLine(logEvent), text);
            lock (_lock) writer.Write(text.ToString());
        }
    }
}
