using System.Globalization;
using System.Text.RegularExpressions;
using Pipeline.Core;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>What kind of failure an exception is, and what helps.</summary>
/// <param name="Told">Of a job that has left no word: what is known instead.</param>
internal sealed partial record SparkAdvice(FaultKind Kind, string NextStep, string? Told = null)
{
    private const string MoreMemory = "Give the job more memory (transform.spark), or the run fewer rows";

    /// <summary>The first whose pattern is found holds: what a message names beside its cause comes behind.</summary>
    private static readonly (Regex Found, SparkAdvice Advice)[] Known =
    [
        (NoProgram(), new(FaultKind.Invalid, "Have that program on each node of the cluster, for the user of the job, or name another one (spark.pyspark.python).")),
        (Stack(), new(FaultKind.TooLarge, "Make the SQL less deep, or give the driver a larger stack (spark.driver.extraJavaOptions with -Xss).")),
        (Results(), new(FaultKind.TooLarge, "Raise spark.driver.maxResultSize and spark.driver.memory, or give the run fewer rows.")),
        (Broadcast(), new(FaultKind.TooLarge, "Lower spark.sql.autoBroadcastJoinThreshold, or raise spark.sql.broadcastTimeout and spark.driver.memory.")),
        (Container(), new(FaultKind.TooLarge, $"{MoreMemory}: spark.executor.memoryOverhead or spark.executor.memory.")),
        (Memory(), new(FaultKind.TooLarge, $"{MoreMemory}: spark.executor.memory, of the driver spark.driver.memory.")),
        (TooMuch(), new(FaultKind.Invalid, "Ask for less (spark.executor.memory, spark.executor.cores), or have larger instances.")),
        (Disk(), new(FaultKind.StorageFull, "Give the nodes of the cluster larger disks, or the run fewer rows.")),
        (Rights(), new(FaultKind.NotAuthorised, "Give the role of the job the right, or name one that has it.")),
        (Place(), new(FaultKind.NotAuthorised, "Look whether the place is there, and whether the job may write to it.")),
        (ThereAlready(), new(FaultKind.Defect, "Nothing to do: another execution has a directory of its own. Should it come again, give an execution one try (spark.yarn.maxAppAttempts = 1).")),
        (Bucket(), new(FaultKind.Missing, "Create what is named, or correct its name.")),
        (Software(), new(FaultKind.Invalid, "Give the cluster what it lacks (spark.jars, or another release), or name the tables and files as it knows them.")),
        (Damage(), new(FaultKind.Damaged, "Look for the file: the table names it, or something has changed it or taken it away while the job ran.")),
        (Away(), new(FaultKind.Unreachable, "Nothing to do when it was passing: the run is tried again. Else look for the cluster and its way to what it could not reach.")),
        (Ended(), new(FaultKind.Unreachable, "Nothing to do when somebody ended it: the run is tried again. Else look why the cluster ends it.")),
        (PythonFunction(), new(FaultKind.Invalid, "Correct the function in Python, or the row that it is given.")),
        (Sql(), new(FaultKind.Invalid, "Correct the table's SQL, or the row at its source.")),
    ];

    private static readonly SparkAdvice Unknown = new(FaultKind.Defect, "Look into the log of the job.");

    public static SparkAdvice Of(Thrown found, int? exitCode)
    {
        string[] texts = [$"{found with { Other = null }}", $"{found}"];
        var advice = texts.SelectMany(text => Known.Where(known => known.Found.IsMatch(text))).Select(known => known.Advice).FirstOrDefault(Unknown);
        // What was lost or is not known is said by the code; what is known is believed before it.
        return exitCode is 52 or 137 or 143 && (advice.Kind == FaultKind.Unreachable || advice == Unknown) ? WithoutAWord(exitCode, "") : advice;
    }

    /// <param name="reason">What the service says of it.</param>
    public static SparkAdvice WithoutAWord(int? exitCode, string reason)
    {
        var code = exitCode is { } number ? string.Create(CultureInfo.InvariantCulture, $" (exit code {number})") : "";
        return exitCode switch
        {
            52 => new(FaultKind.TooLarge, $"{MoreMemory}: spark.executor.memory, of the driver spark.driver.memory.", $"a JVM of the job has run out of memory and ended without a word{code}"),
            134 or 139 => new(FaultKind.Defect, "Look into the log of the job and of its nodes for what the native code says.", $"a process of the job has crashed in native code without a word{code}"),
            137 => new(FaultKind.TooLarge, $"{MoreMemory}, memoryOverhead among it: most often memory has run out on the node. Else look for who killed it.", $"the job was killed without a word, by SIGKILL{code}"),
            143 => new(FaultKind.Unreachable, "Nothing to do when somebody ended it: the run is tried again. Else look why the cluster ends it.", $"the job was ended from outside without a word, by SIGTERM{code}"),
            _ when Memory().IsMatch(reason) || Container().IsMatch(reason) => new(FaultKind.TooLarge, $"{MoreMemory}.", $"the job has run out of memory and ended without a word{code}"),
            _ when Killed().IsMatch(reason) => new(FaultKind.Unreachable, "Nothing to do when somebody ended it: the run is tried again. Else look why the cluster ends it.", $"the job was ended from outside without a word{code}"),
            _ => new(FaultKind.Defect, "Look into the log of the job and of its nodes.", $"the job has ended without an answer and without a word{code}"),
        };
    }

    [GeneratedRegex(@"Cannot run program|Errno 2\].*python|python\S*: (?:command not found|No such file)")]
    private static partial Regex NoProgram();

    [GeneratedRegex(@"StackOverflowError|RecursionError")]
    private static partial Regex Stack();

    [GeneratedRegex(@"maxResultSize")]
    private static partial Regex Results();

    [GeneratedRegex(@"[Cc]annot broadcast|Not enough memory to build and broadcast|Could not execute broadcast")]
    private static partial Regex Broadcast();

    [GeneratedRegex(@"exceeding (?:physical |virtual )?memory limits|running beyond (?:the )?['‘]?(?:physical|virtual)|memoryOverhead|OOMKilled|(?:[Ee]xit(?:ed with)? (?:code|status)|[Ee]xit [Cc]ode):? *137\b", RegexOptions.ExplicitCapture)]
    private static partial Regex Container();

    [GeneratedRegex(@"OutOfMemory|MemoryError|GC overhead limit|TaskResultLost|result lost from block manager|unread block data|Unable to acquire [0-9]+ bytes of memory|(?:[Ee]xit(?:ed with)? (?:code|status)|[Ee]xit [Cc]ode):? *52\b", RegexOptions.ExplicitCapture)]
    private static partial Regex Memory();

    [GeneratedRegex(@"is above the max threshold|[Rr]equired (?:executor|AM) memory|Invalid resource request|greater than maximum allowed")]
    private static partial Regex TooMuch();

    [GeneratedRegex(@"No space left on device|Errno 28|Disk quota exceeded|DiskErrorException|No space available in any of the local directories")]
    private static partial Regex Disk();

    [GeneratedRegex(@"Access ?Denied|AccessControlException|[Pp]ermission denied|PermissionError|Status Code: 40[13]\b|Forbidden|ExpiredToken|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|not authorized|UnauthorizedOperation|No AWS Credentials|Unable to load (?:AWS )?credentials")]
    private static partial Regex Rights();

    [GeneratedRegex(@"Mkdirs failed to create|Read-only file system|ParentNotDirectoryException")]
    private static partial Regex Place();

    [GeneratedRegex(@"PATH_ALREADY_EXISTS|FileAlreadyExists|already exists")]
    private static partial Regex ThereAlready();

    [GeneratedRegex(@"NoSuchBucket|bucket does not exist|SCHEMA_NOT_FOUND|UnknownStoreException")]
    private static partial Regex Bucket();

    [GeneratedRegex(@"ClassNotFound|NoClassDefFound|NoSuchMethodError|NoSuchFieldError|AbstractMethodError|UnsupportedClassVersion|LinkageError|JavaPackage|DATA_SOURCE_NOT_FOUND|Failed to find (?:the )?data source"
        + @"|ModuleNotFoundError|ImportError|^SyntaxError|No FileSystem for scheme|UnsupportedFileSystem|PYTHON_VERSION_MISMATCH|Python in worker has different version", RegexOptions.ExplicitCapture)]
    private static partial Regex Software();

    [GeneratedRegex(@"FileNotFound|NoSuchFile|PATH_NOT_FOUND|Path does not exist|is not a Parquet file|[Cc]ould not read footer|CANNOT_READ_FILE_FOOTER|FAILED_READ_FILE|ParquetDecodingException|InvalidSchemaException"
        + @"|FAILED_TO_UNCOMPRESS|ChecksumException|Encountered error while reading file|cannot be converted in file|NoSuchKey|BlockMissingException|corrupt", RegexOptions.ExplicitCapture)]
    private static partial Regex Damage();

    [GeneratedRegex(@"Connect(?:ion)?(?:Timeout|Pool\w*|Refused|Reset|Closed)?(?:Exception|Error)|SocketTimeout|SocketException|UnknownHost|NoRouteToHost|NoHttpResponse|SSLException|Unable to execute HTTP request|Connection (?:refused|reset|timed out)|SlowDown"
        + @"|Status Code: 5[0-9][0-9]\b|ServiceUnavailable|Throttl|RequestLimitExceeded|TimeoutException|AWSClientIOException|ExecutorLostFailure|FetchFailed|Slave lost|[Ww]orker lost|Lost executor|executor \S+ exited"
        + @"|Container (?:from a bad node|marked as failed)|Py4JNetworkError|Answer from Java side is empty", RegexOptions.ExplicitCapture)]
    private static partial Regex Away();

    [GeneratedRegex(@"SparkContext was shut down|stopped SparkContext|SparkContext has been shutdown|cancelled because SparkContext|[Jj]ob \S+ cancelled|KeyboardInterrupt|SIGTERM|RECEIVED SIGNAL|preempted|InterruptedException")]
    private static partial Regex Ended();

    [GeneratedRegex(@"\.PythonException: (?!.*Failure)")]
    private static partial Regex PythonFunction();

    /// <summary>What does not parse or names what is not there; what a row holds; a setting that is none.</summary>
    [GeneratedRegex(@"(?:Analysis|Parse|ParseDriver|IllegalArgument|Arithmetic|NumberFormat|DateTime\w*|PatternSyntax|ArrayIndexOutOfBounds|SparkUpgrade|SparkRuntime|UnsupportedOperation|NoSuchTable|NoSuchElement)Exception: "
        + @"|: \[(?:ARITHMETIC|BINARY_ARITHMETIC|CANNOT_(?:CHANGE|PARSE|CAST)|CAST_|CONVERSION_|DATETIME|DECIMAL|DIVIDE|DUPLICATED_MAP|ELEMENT_AT|INTERVAL|COLLECTION_SIZE|INVALID_|MALFORMED|MAP_KEY|NOT_NULL|NULL_MAP|NUMERIC|SCALAR_SUBQUERY|INCONSISTENT_BEHAVIOR|UNRESOLVED|TABLE_OR_VIEW|DATATYPE_MISMATCH|MISSING_|AMBIGUOUS|PARSE_)", RegexOptions.ExplicitCapture)]
    private static partial Regex Sql();

    [GeneratedRegex(@"[Kk]illed|[Cc]ancell?ed|[Tt]erminated|shut ?down", RegexOptions.ExplicitCapture)]
    private static partial Regex Killed();
}
