//! The same records as structs that serde_json and prost know at compile time. Ids, decimals and
//! times are texts in them already.

use serde::{Deserialize, Serialize};

use crate::{rows, samples};

/// A row of 12 columns.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub struct Row {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(string, tag = "2")]
    pub uid: String,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub email: String,
    #[prost(string, tag = "5")]
    pub status: String,
    #[prost(string, tag = "6")]
    pub amount: String,
    #[prost(int32, tag = "7")]
    pub quantity: i32,
    #[prost(double, tag = "8")]
    pub rating: f64,
    #[prost(string, tag = "9")]
    pub note: String,
    #[prost(string, repeated, tag = "10")]
    pub tags: Vec<String>,
    #[prost(string, tag = "11")]
    pub created_at: String,
    #[prost(string, tag = "12")]
    pub updated_at: String,
}

impl Row {
    pub fn of(row: &rows::Row) -> Self {
        let tags = row.tags.split('"').skip(1).step_by(2);
        Self {
            id: row.id,
            uid: row.uid.clone(),
            name: row.name.clone(),
            email: row.email.clone(),
            status: row.status.to_owned(),
            amount: row.amount.clone(),
            quantity: row.quantity,
            rating: row.rating,
            note: row.note.clone(),
            tags: tags.map(str::to_owned).collect(),
            created_at: row.created_at.clone(),
            updated_at: row.updated_at.clone(),
        }
    }
}

/// A document as a crawler leaves it.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub struct Announcement {
    #[prost(string, tag = "1")]
    #[serde(rename = "_id")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub info_name: String,
    #[prost(string, tag = "3")]
    pub create_time: String,
    #[prost(string, repeated, tag = "4")]
    pub column_info: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    pub link_data: Vec<Link>,
    #[prost(string, tag = "6")]
    pub info_date: String,
    #[prost(message, repeated, tag = "7")]
    pub info_section: Vec<Section>,
    #[prost(string, tag = "8")]
    pub info_author: String,
    #[prost(string, tag = "9")]
    pub description: String,
    #[prost(string, tag = "10")]
    pub marc_code: String,
    #[prost(string, tag = "11")]
    pub page_url: String,
}

/// A file of it.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub struct Link {
    #[prost(string, tag = "1")]
    pub accessory_name: String,
    #[prost(string, tag = "2")]
    pub accessory_url: String,
}

/// A paragraph of it.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub struct Section {
    #[prost(int32, tag = "1")]
    pub title_level: i32,
    #[prost(string, tag = "2")]
    pub text_info: String,
    #[prost(string, repeated, tag = "3")]
    pub media_info: Vec<String>,
}

impl Announcement {
    pub fn of(number: u64) -> Self {
        let kind = ["通知公告", "项目指南", "资助成果", "政策法规"][(number % 4) as usize];
        let department = ["数理科学部", "化学科学部", "生命科学部"][(number % 3) as usize];
        let section = |title_level, text: &str| Section {
            title_level,
            text_info: text.to_owned(),
            media_info: Vec::new(),
        };
        Self {
            id: samples::id(number)
                .iter()
                .map(|it| format!("{it:02x}"))
                .collect(),
            info_name: format!("关于{department}{kind}的第{number}号公告"),
            create_time: "2025-08-26T09:30:15.123Z".to_owned(),
            column_info: vec![kind.to_owned(), department.to_owned()],
            link_data: vec![Link {
                accessory_name: "附件1.pdf".to_owned(),
                accessory_url: format!("http://example.org/files/{number}.pdf"),
            }],
            info_date: format!("日期 2025-{:02}-{:02}", 1 + number % 12, 1 + number % 28),
            info_section: vec![
                section(1, "第一段 \"引号\" \\ 反斜线"),
                section(0, "第二段\n换行\t制表 😀"),
            ],
            info_author: "办公室".to_owned(),
            description: "现将有关事项通知如下，请各依托单位认真组织申报。".to_owned(),
            marc_code: "zh".to_owned(),
            page_url: format!("http://example.org/{number}.html"),
        }
    }
}
