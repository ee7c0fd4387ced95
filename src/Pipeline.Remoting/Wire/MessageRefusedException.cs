using System.Runtime.Serialization;

namespace Pipeline.Remoting.Wire;

/// <summary>A message that this node does not read or write. Its text is one line, whatever came in.</summary>
public sealed class MessageRefusedException(string message) : SerializationException(message)
{
    private const int ShownMax = 120;

    /// <summary>What a stranger wrote, fit for a line of a log.</summary>
    public static string Shown(string? text) => text switch
    {
        null or "" => "none",
        { Length: > ShownMax } => Printable(text[..ShownMax]) + "…",
        _ => Printable(text),
    };

    private static string Printable(string text) => string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
}
