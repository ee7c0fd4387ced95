using System.Text.Json;

namespace Pipeline.Core;

/// <summary>
/// Where bytes that others wrote are taken apart, all that can come of them is a value or one error that says that they are
/// not what they should be. This is the list of what the taking apart itself may throw, for the one catch at its boundary.
/// </summary>
public static class DataFaults
{
    /// <summary>Whether an exception out of a decoder is the fault of what it was given.</summary>
    /// <remarks>Not: a dependency's error in our words, a cancellation, the end of memory.</remarks>
    public static bool Are(Exception exception) => exception is FormatException or JsonException or InvalidDataException or EndOfStreamException
        or OverflowException or DivideByZeroException or ArgumentException or IndexOutOfRangeException or InvalidCastException
        or InvalidOperationException or KeyNotFoundException or NullReferenceException or NotSupportedException;

    /// <summary>What was wrong, in one line without a full stop.</summary>
    public static string Cause(Exception exception)
    {
        if (TlsFlaw.In(exception) is { } flaw) return flaw.Cause;
        var end = exception.Message.AsSpan().IndexOfAny('\r', '\n');
        return (end < 0 ? exception.Message : exception.Message[..end]).TrimEnd('.');
    }
}
