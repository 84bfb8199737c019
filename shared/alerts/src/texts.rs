//! The one table of the messages' texts.

use hub::alert::{Cause, Language};

/// Texts of a cause in one language.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Its name.
    pub name: &'static str,
    /// The unit of its count; nothing where the number says nothing.
    pub unit: &'static str,
    /// Advice for the operator.
    pub advice: &'static str,
}

/// Texts around the causes, in one language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// The product's name, which every message begins with, so that a robot with a keyword takes it.
    pub(crate) product: &'static str,
    /// Between the product and the names of the causes.
    pub(crate) colon: &'static str,
    /// Between names.
    pub(crate) comma: &'static str,
    /// Before the examples.
    pub(crate) such_as: &'static str,
    /// Before the advice.
    pub(crate) remedy: &'static str,
    /// The link into the console.
    pub(crate) open: &'static str,
    /// Where more places are concerned than are named.
    pub(crate) others: &'static str,
}

/// The texts of a cause.
#[must_use]
pub const fn text(cause: Cause, language: Language) -> Text {
    let (chinese, english) = both(cause);
    match language {
        Language::Chinese => chinese,
        Language::English => english,
    }
}

/// The texts around the causes.
pub(crate) const fn frame(language: Language) -> Frame {
    match language {
        Language::Chinese => Frame {
            product: "通关",
            colon: "：",
            comma: "、",
            such_as: "例如：",
            remedy: "处理：",
            open: "打开控制台",
            others: "其他",
        },
        Language::English => Frame {
            product: "Tongguan",
            colon: ": ",
            comma: ", ",
            such_as: "Such as: ",
            remedy: "To do: ",
            open: "Open the console",
            others: "others",
        },
    }
}

const fn entry(name: &'static str, unit: &'static str, advice: &'static str) -> Text {
    Text { name, unit, advice }
}

const fn both(cause: Cause) -> (Text, Text) {
    match cause {
        Cause::CircuitOpened => (
            entry("熔断", "", "确认接收端或合作方接口可以访问、应答正常；恢复后自动补投，不会丢失"),
            entry(
                "Circuit open",
                "",
                "See that the endpoint or partner can be reached and answers; what waits is sent by itself afterwards, nothing is lost",
            ),
        ),
        Cause::CircuitClosed => (
            entry("熔断已恢复", "", "无需处理，积压的正在自动补投"),
            entry("Circuit closed", "", "Nothing: what waited is being sent"),
        ),
        Cause::DeliveryFailed => (
            entry("投递失败", "条", "排除接收端的问题后重投；已另行处理的可以确认"),
            entry(
                "Deliveries failed",
                "",
                "Mend the endpoint, then replay them; confirm those that were dealt with otherwise",
            ),
        ),
        Cause::CallAmbiguous => (
            entry("调用结果不明", "个", "向合作方核实是否已经执行，再标记结果；未执行的可以重新发送"),
            entry(
                "Calls ambiguous",
                "",
                "Ask the partner whether they were carried out, then resolve them, or retry those that were not",
            ),
        ),
        Cause::PushLate => (
            entry("应答推送超时", "次", "合作方可能已按失败处理并重推；检查服务器负载、磁盘和网络"),
            entry(
                "Pushes answered late",
                "",
                "The partner may have given up and may push again; look at the machine's load, disk and network",
            ),
        ),
        Cause::PushNotKept => (
            entry("推送未能保存", "次", "已请合作方重推；检查存储是否可用，恢复后核对有无缺失"),
            entry(
                "Pushes not kept",
                "",
                "The partner was asked to push again; see that the store is available, and check afterwards that nothing is missing",
            ),
        ),
        Cause::Silence => (
            entry("久无新消息", "票", "向合作方询问这票货的进展，或检查推送地址是否正确"),
            entry("Shipments without news", "", "Ask the partner about them, or check that it pushes to the right URL"),
        ),
        Cause::FileLost => (
            entry("文件未能取得", "个", "链接已失效或不是文件：在控制台查看原因，请合作方重新提供"),
            entry("Files given up", "", "Look in the console why, and ask the partner for the files again"),
        ),
        Cause::LedgerUnbalanced => (
            entry("账本不平", "条", "可能有数据丢失或损坏：查看日志和磁盘，必要时从备份恢复"),
            entry(
                "Ledger does not balance",
                "",
                "Data may be lost or damaged: look at the log and the disk, and restore a backup where needed",
            ),
        ),
        Cause::DiskNearlyFull => (
            entry("磁盘将满", "", "清理磁盘或扩容，也可缩短 retention_days；继续减少时将请合作方稍后重推"),
            entry(
                "Disk nearly full",
                "",
                "Free or add space, or lower retention_days; with still less, partners are asked to push again later",
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_texts_in_both_languages() {
        for cause in Cause::ALL {
            let chinese = text(cause, Language::Chinese);
            let english = text(cause, Language::English);
            for (part, other) in [(chinese.name, english.name), (chinese.advice, english.advice)] {
                assert!(!part.is_ascii() && other.is_ascii(), "{cause:?}: {part} {other}");
                assert!(part.chars().count() >= 2 && other.len() >= 4, "{cause:?}");
            }
        }
        let names: std::collections::BTreeSet<_> =
            Cause::ALL.into_iter().flat_map(|cause| Language::ALL.map(|language| text(cause, language).name)).collect();
        assert_eq!(names.len(), Cause::ALL.len() * 2, "no two have one name");
    }
}
